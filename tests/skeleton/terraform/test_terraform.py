"""The Terraform of a rendered project, checked by Terraform."""

from __future__ import annotations

import ast
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from checks_terraform import check_terraform

from mxdev.testing import render, text, write
from mxdev_generators.project.gpus import default_zone, zones

FOLDER = "infrastructure/terraform"
HOSTILE = 'He said "hi" {{ 7*7 }} ${x} $(id) #c: [\n\'; import os #`, %{ if true } */ </script> \\ \u202e\u05e2\u05d1\u05e8\u05d9\u05ea🙂\\'

# Every choice, the shortest and the longest names, and text that would break out if it could.
CASES: dict[str, dict[str, Any]] = {
    "defaults": {"name": "churn-model"},
    "zonal l4": {
        "name": "churn-model",
        "accelerator": "nvidia-l4",
        "gpu_driver": "daemonset",
        "zone": "europe-west4-b",
        "engineer": ["ada@example.com", "Bob Smith <Bob.Smith+ml@mail.example.org>"],
    },
    "short names": {
        "name": "ab",
        "project_id": "abcdef",
        "region": "us-central1",
        "accelerator": "nvidia-t4",
    },
    "long names": {
        "name": "a-name-of-forty-characters-is-a-long-one",
        "project_id": "a-project-of-thirty-characters",
        "region": "asia-northeast1",
        "zone": "asia-northeast1-b",
        "accelerator": "nvidia-a100",
    },
    "regional": {"name": "churn-model", "zone": ""},
    "hostile": {"name": "churn-model", "description": HOSTILE, "engineer": [f"{HOSTILE} <eve@example.com>"]},
}


def rendered(folder: Path, **options: Any) -> Path:
    write(render("MLProjectSkeleton", **options), folder)
    return folder / FOLDER


@pytest.mark.parametrize("case", CASES)
def test_terraform_accepts_every_choice(case: str, tmp_path: Path) -> None:
    assert check_terraform(rendered(tmp_path, **CASES[case])) == []


def test_answers_arrive_in_terraform_tfvars() -> None:
    tree = render("MLProjectSkeleton", **CASES["zonal l4"], project_id="acme-churn")
    values = dict(re.findall(r'^(\w+) += "(.*)"$', text(tree, f"{FOLDER}/terraform.tfvars"), flags=re.M))
    assert values == {
        "project_id": "acme-churn",
        "region": "europe-west4",
        "zone": "europe-west4-b",
        "name": "churn-model",
        "bucket_prefix": "acme-churn-churn-model",
        "accelerator": "nvidia-l4",
        "gpu_driver": "daemonset",
    }
    assert '  # Bob Smith\n  "Bob.Smith+ml@mail.example.org",\n' in text(tree, f"{FOLDER}/terraform.tfvars")


def test_state_is_kept_in_the_bucket_that_bootstrap_makes() -> None:
    tree = render("MLProjectSkeleton", name="churn-model", project_id="acme-churn")
    backend = text(tree, f"{FOLDER}/backend.tf")
    assert 'backend "gcs"' in backend
    assert 'bucket = "acme-churn-tfstate"' in backend
    assert 'prefix = "churn-model"' in backend
    assert tree.files[f"{FOLDER}/bootstrap.sh"].executable


def test_an_existing_cluster_needs_no_terraform() -> None:
    tree = render("MLProjectSkeleton", name="churn-model", cloud="existing")
    assert not [path for path in tree.files if path.startswith(FOLDER)]


@pytest.mark.parametrize(
    ("region", "accelerator", "zone"),
    [
        ("europe-west4", "none", "europe-west4-b"),  # the one with all three kinds
        ("europe-west4", "nvidia-a100", "europe-west4-b"),
        ("us-east1", "nvidia-t4", "us-east1-c"),  # there is no zone a, and b has none
        ("us-east1", "nvidia-a100", "us-east1-b"),
        ("europe-north1", "nvidia-l4", "europe-north1-b"),  # no zone of it is known
    ],
)
def test_a_new_cluster_is_in_one_zone_that_has_the_gpu(region: str, accelerator: str, zone: str) -> None:
    tree = render("MLProjectSkeleton", name="churn-model", region=region, accelerator=accelerator)
    assert f'\nzone = "{zone}"\n' in text(tree, f"{FOLDER}/terraform.tfvars")


def test_the_default_zone_is_one_that_the_table_has_the_gpu_in() -> None:
    for accelerator, known in zones().items():
        for region in {zone.rpartition("-")[0] for zone in known}:
            assert default_zone(region, accelerator) in known


def test_what_is_deleted_after_a_while_is_what_the_trainer_calls_a_checkpoint() -> None:
    tree = render("MLProjectSkeleton", name="churn-model")
    source = ast.parse(text(tree, "src/churn_model/checkpoint.py"))
    names = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in source.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("FOLDER", "NAMES")
    }  # fmt: skip
    (suffixes,) = re.findall(r"checkpoints = (\[.*\])", text(tree, f"{FOLDER}/storage.tf"))
    assert json.loads(suffixes) == [f"/{names['FOLDER']}/{name}" for name in names["NAMES"]]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "gpu_pool.tf",
            "local.default_gpu_zones",
            '["us-east4-a", "us-east4-b", "us-east4-c"]',
            "us-east4-b has no L4",
        ),
        ("storage.tf", "force_destroy ", "force_destruct", "Unsupported argument"),
        ("network.tf", "routing_mode  ", "routing_mode", "terraform fmt"),
        (
            "terraform.tfvars",
            'region     = "europe-west4"',
            'region     = "europe"',
            "region must be the name",
        ),
    ],
)
def test_mistakes_are_found(file: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    folder = rendered(tmp_path, name="churn-model", accelerator="nvidia-l4")
    # What finds the mistakes is enough: every run of a test starts the provider anew.
    for test in (folder / "tests").glob("*.tftest.hcl"):
        if test.name == "zones.tftest.hcl":
            head, *runs = re.split(r"^(?=run )", test.read_text(), flags=re.M)
            test.write_text(head + next(run for run in runs if run.startswith('run "of_a_regional_cluster')))
        elif test.name != "answers.tftest.hcl":
            test.unlink()
    original = (folder / file).read_text()
    assert old in original
    (folder / file).write_text(original.replace(old, new, 1))
    assert said in " ".join("\n".join(check_terraform(folder)).split())


def test_checking_leaves_the_folder_as_it_is(tmp_path: Path) -> None:
    folder = rendered(tmp_path, name="churn-model")
    shutil.rmtree(folder / "tests")
    before = sorted(folder.rglob("*"))
    assert check_terraform(folder) == []
    assert sorted(folder.rglob("*")) == before
