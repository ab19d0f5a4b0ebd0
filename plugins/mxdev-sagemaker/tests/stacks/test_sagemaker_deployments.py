"""Deployments: rendered once, and looked at by the tools that read it; what the platform writes fits into it."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from mxdev.testing import module, mx, once, render, run, text
from sagemaker_schema import schema
from sagemaker_terraform import WITH, checked_stack, generated, own_tests, zipped

from mxdev_sagemaker.deployments.generator import Deployments
from mxdev_sagemaker.platform.generator import SageMakerPlatform

REST = {
    "model": "churn",
    "version": "3",
    "image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme-ml/serving:1",
    "model_data": "s3://acme-ml-platform-123456789012/models/churn/model.tar.gz",
}
BATCH = {
    **REST,
    "schedule": "cron(30 1 * * ? *)",
    "done_by": "06:00",
    "input": "s3://acme-ml-vision-x/rows",
}


@pytest.fixture(scope="module")
def deployments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository, its function zipped."""
    made = generated(
        tmp_path_factory.mktemp("deployments"), "Deployments", "deployments", "--platform", "acme-ml"
    )
    zipped(made)
    return made


def checked(deployments: Path, tmp_path: Path, where: str, data: Any) -> str:
    """What check.py says of one file; "" if nothing."""
    root = tmp_path / "repository"
    shutil.rmtree(root, ignore_errors=True)
    for name in ("check.py", "schemas"):
        (shutil.copytree if name == "schemas" else _copy)(deployments / name, root / name)
    path = root / "deployments" / where
    path.parent.mkdir(parents=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    found = module(root / "check.py")
    return "\n".join(found.findings(root))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def test_terraform_with_the_real_provider(deployments: Path) -> None:
    assert ", 0 failed" in once([deployments, "terraform", WITH], lambda: checked_stack(deployments))


def test_its_own_tests_pass(deployments: Path) -> None:
    told = once([deployments, "own", WITH], lambda: own_tests(deployments))
    assert re.search(r"^4 passed", told, re.MULTILINE), told
    said = run(sys.executable, "check.py", cwd=deployments).stdout
    assert said == "Every deployment is as its schema says.\n"


def test_the_files_that_terraform_is_tested_with_are_right(deployments: Path, tmp_path: Path) -> None:
    files = sorted((deployments / "terraform/tests/deployments").rglob("*.json"))
    assert len(files) == 4
    for file in files:
        assert checked(deployments, tmp_path, f"{file.parent.name}/{file.name}", file.read_text()) == ""


@pytest.mark.parametrize(
    ("where", "data", "told"),
    [
        ("rest/churn-3.json", REST, ""),
        ("batch/churn-3.json", BATCH, ""),
        ("rest/churn-3.json", "{", "rest/churn-3.json: it is no JSON"),
        ("rest/churn-4.json", REST, "it must be called churn-3.json"),
        ("rest/churn-3.json", {**REST, "cpus": 1}, "'cpus' was unexpected"),
        ("rest/churn-3.json", {**REST, "image": "nginx"}, "image: 'nginx' does not match"),
        ("rest/churn-3.json", {**REST, "count": 4, "max_count": 2}, "max_count is less than count"),
        ("rest/churn-3.yaml", REST, "Terraform reads deployments/KIND/MODEL-VERSION.json only"),
        ("edge/churn-3.json", REST, "KIND is rest, async or batch"),
        ("batch/churn-3.json", REST, "'schedule' is a required property"),
        ("batch/churn-3.json", {**BATCH, "done_by": "01:30"}, "it starts at 01:30, and cannot be done by 01:30"),
        ("batch/churn-3.json", {**BATCH, "output": "s3://acme-ml-platform-123456789012/batch/own"}, ""),
        ("batch/churn-3.json", {**BATCH, "output": "s3://acme-ml-platform-123456789012/pipelines/churn/runs/1"}, ""),
        *(("batch/churn-3.json", {**BATCH, "output": f"s3://{place}"}, "the platform's boundary lets deployments write nowhere else")
          for place in ("acme-ml-platform-123456789012/data/churn", "acme-ml-vision-x/batch/churn", "other-platform-123456789012/batch/a")),
        *(("batch/churn-3.json", {**BATCH, "input": f"s3://{place}"}, "the platform's boundary lets deployments read no other")
          for place in ("acme-ml-tfstate/deployments", "other-bucket/rows")),
        ("batch/churn-3.json", {**BATCH, "schedule": "rate(1 day)"}, "schedule: 'rate(1 day)' does not match"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said(
    deployments: Path, tmp_path: Path, where: str, data: Any, told: str
) -> None:
    said = checked(deployments, tmp_path, where, data)
    assert told in said if told else said == ""


def test_mx_finds_nothing_in_it(deployments: Path) -> None:
    linted = mx("lint", cwd=deployments)
    assert linted.code == 0, linted.stdout + linted.stderr


def test_the_pipeline_is_as_gitlab_s_schema_says(deployments: Path) -> None:
    jsonschema.validate(
        yaml.safe_load((deployments / ".gitlab-ci.yml").read_text()), schema("gitlab-ci.schema.json")
    )


def test_what_an_accepted_model_becomes_is_a_right_file(deployments: Path, tmp_path: Path) -> None:
    """The platform's function and this repository's schemas, together."""
    package = {
        "InferenceSpecification": {
            "Containers": [{"Image": REST["image"], "ModelDataUrl": REST["model_data"]}]
        }
    }
    arn = "arn:aws:sagemaker:eu-central-1:123456789012:model-package/churn/3"
    settings = {key: BATCH[key] for key in ("schedule", "done_by", "input")}
    manager = _manager(tmp_path)
    written = manager.deployment(arn, "churn", "3", package)
    for kind, own in (("rest", {}), ("async", {}), ("batch", settings)):
        file = manager.merged(kind, None, own, written)
        assert checked(deployments, tmp_path, f"{kind}/churn-3.json", file) == ""


def _manager(folder: Path) -> Any:
    tree = _only(render(SageMakerPlatform, name="acme-ml"))
    for name in ("handler", "gitlab"):
        (folder / f"{name}.py").write_text(text(tree, f"lambdas/deploy_manager/{name}.py"))
    return module(folder / "handler.py")


def _only(rendered: Any) -> Any:
    return rendered.renderings[0].tree if hasattr(rendered, "renderings") else rendered


def test_the_platform_tells_what_the_stacks_ask() -> None:
    """`local.shared.X` of one repository is a key of the parameter that the other writes."""
    stacks = _only(render(Deployments, name="deployments"))
    asked = {
        name
        for path, file in stacks.files.items()
        if path.endswith(".tf")
        for name in re.findall(r"local\.shared\.(\w+)", file.data.decode())
    }
    platform = _only(render(SageMakerPlatform, name="acme-ml"))
    parameter = text(platform, "terraform/deployments.tf").partition('"aws_ssm_parameter" "outputs"')[2]
    told = set(re.findall(r"^    (\w+) +=", parameter.partition("jsonencode({")[2], re.MULTILINE))
    assert {"bucket", "boundary", "listener"} <= asked
    assert asked <= told
