"""The upload of a definition, over HTTP against moto's server, as the job runs it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws
from mxdev.testing import run
from sagemaker_training import bucket, client, rendered, server

BUCKET = "lab-platform-210987654321"
NETWORK = {
    "subnets": ["subnet-0a"],
    "security_groups": {
        step: f"sg-{step}" for step in ("processing", "training", "evaluation", "registration")
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline whose settings are nobody's example."""
    made = rendered(tmp_path_factory.mktemp("upload"), platform="lab", account="210987654321")
    (made / "network.json").write_text(json.dumps(NETWORK))
    return made


@pytest.fixture(scope="module")
def env() -> Iterator[dict[str, str]]:
    with server() as environment, mock_aws():
        bucket(BUCKET)
        yield environment


def program(folder: Path, env: dict[str, str], *arguments: str, code: int = 0) -> str:
    done = run(sys.executable, "pipeline.py", *arguments, cwd=folder, env=env, code=code, timeout=60)
    return done.stdout + done.stderr


def uploaded(name: str) -> object:
    found = client("s3").get_object(Bucket=BUCKET, Key=f"pipelines/churn/{name}")
    return json.loads(found["Body"].read())


def test_the_second_upload_is_another_version_and_keeps_the_configuration(
    folder: Path, env: dict[str, str]
) -> None:
    program(folder, env, "build", "--tag", "one")
    said = program(folder, env, "upload", "--tag", "one")
    assert "/sagemaker/churn/configuration was made, empty" in said
    parameter = {"Name": "/sagemaker/churn/configuration"}
    assert client("ssm").get_parameter(**parameter)["Parameter"]["Value"] == "{}"
    client("ssm").put_parameter(**parameter, Value='{"target": "x"}', Overwrite=True)
    program(folder, env, "build", "--tag", "two")
    said = program(folder, env, "upload", "--tag", "two")
    assert "is there already" in said
    assert client("ssm").get_parameter(**parameter)["Parameter"]["Value"] == '{"target": "x"}'
    versions = client("s3").list_object_versions(Bucket=BUCKET, Prefix="pipelines/churn/definition.json")
    assert len(versions["Versions"]) == 2
    definition = json.dumps(uploaded("definition.json"))
    assert "sg-training" in definition
    assert "210987654321.dkr.ecr.eu-central-1.amazonaws.com/lab/steps:churn-training-two" in definition
    assert uploaded("schedule.json") == json.loads((folder / "settings.json").read_text())["schedule"]
    # The platform acts on the definition, so that comes last.
    order = client("s3").list_object_versions(Bucket=BUCKET, Prefix="pipelines/churn/")["Versions"]
    assert len(order) == 6


def test_what_was_built_for_another_commit_is_not_uploaded(folder: Path, env: dict[str, str]) -> None:
    program(folder, env, "build", "--tag", "three")
    assert "was not built for four" in program(folder, env, "upload", "--tag", "four", code=1)


def test_a_bucket_without_versions_is_refused(folder: Path, env: dict[str, str], tmp_path: Path) -> None:
    s3 = client("s3")
    other = rendered(tmp_path, platform="loose", account="210987654321", name="fraud")
    (other / "network.json").write_text(json.dumps(NETWORK))
    bucket("loose-platform-210987654321", versions=False)
    program(other, env, "build")
    assert "keeps no versions" in program(other, env, "upload", code=1)
    listed = s3.list_objects_v2(Bucket="loose-platform-210987654321")["Contents"]
    assert not [item for item in listed if item["Key"].endswith("definition.json")]


def test_the_example_and_a_missing_bucket_are_told(env: dict[str, str], tmp_path: Path) -> None:
    example = rendered(tmp_path / "example")
    program(example, env, "build")
    said = program(example, env, "upload", code=1)
    assert "settings.json has the account of the example" in said
    assert "security group of the example for training" in said
    lost = rendered(tmp_path / "lost", platform="lost", account="210987654321")
    (lost / "network.json").write_text(json.dumps(NETWORK))
    program(lost, env, "build")
    said = program(lost, env, "upload", code=1)
    assert "AWS refused or could not be reached" in said
    assert "Traceback" not in said
