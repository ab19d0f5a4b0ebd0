"""`mx up` and `mx down` of a server on EC2: the real Terraform with the real provider of AWS, applied against moto's server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from ec2_world import BASE, HERE, MANIFEST, REGION
from moto.server import ThreadedMotoServer
from mxdev.testing import mx, once, terraform_settings

AMI = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
# moto's buckets answer below a path, as its server has one host; and it has neither MonitorInstances nor associations. What it has not is not asked again.
OVERRIDE = """\
provider "aws" {
  s3_use_path_style = true
  max_retries       = 1
}

# It tells other groups of an instance than it was given.
resource "aws_instance" "server" {
  monitoring = false

  lifecycle {
    ignore_changes = [ami, user_data, vpc_security_group_ids]
  }
}

# Only because the provider waits a minute until it has seen the same rules several times.
resource "aws_s3_bucket_lifecycle_configuration" "deploy" {
  count = 0
}

resource "aws_ssm_association" "install_agent" {
  count = 0
}

resource "aws_ssm_association" "configure_agent" {
  count = 0
}
"""


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An empty account behind a server of moto, with Ubuntu's parameter, and what lets programs find both."""
    settings = terraform_settings(tmp_path_factory.mktemp("settings"))
    from moto import mock_aws
    from moto.ssm.models import Parameter, ssm_backends

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        # A parameter below /aws can be put by AWS only; moto keeps its backends in this process.
        backend = ssm_backends["123456789012"][REGION]
        backend._parameters[AMI].append(
            Parameter(
                account_id="123456789012", name=AMI, value="ami-12c6146b", parameter_type="String", description="",
                allowed_pattern=None, keyid=None, last_modified_date=0, version=1, data_type="text",
            )
        )  # fmt: skip
        yield {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            **settings,
        }
    server.stop()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("up") / "project"
    folder.mkdir()
    flags = [part for key, value in BASE.items() for part in (f"--{key.replace('_', '-')}", value)]
    done = mx("generate", "Ec2ModelServer", *flags, "--no-input", cwd=folder)
    assert done.code == 0, done.stderr
    (folder / HERE / "terraform/moto_override.tf").write_text(OVERRIDE)
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for command in (["init", "--quiet", "-b", "main"], ["add", "--all"], [*who, "commit", "-qm", "First"]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    return folder


def client(name: str, env: dict[str, str]) -> Any:
    session = boto3.Session("test", "test", region_name=REGION)
    return session.client(name, endpoint_url=env["AWS_ENDPOINT_URL"])


def states(told: subprocess.CompletedProcess[str]) -> dict[str, str]:
    return {step["name"]: step["state"] for step in json.loads(told.stdout)["steps"]}


def push(env: dict[str, str], tag: str) -> None:
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": tag}})
    client("ecr", env).put_image(repositoryName="churn", imageManifest=manifest, imageTag=tag)


def run(project: Path, env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """mx, with more time than the tests' own helper gives it: Terraform starts a provider of 700 MB for each plan."""
    command = [sys.executable, "-m", "mxdev", *arguments]
    return subprocess.run(
        command,
        cwd=project,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def test_the_whole_way_up_and_down(project: Path, env: dict[str, str]) -> None:
    """One story, once for what is rendered and the steps that work on it, because each plan of the real provider takes seconds."""
    import mxdev_ec2

    what = [project / HERE, Path(mxdev_ec2.__file__).parent, Path(__file__)]
    once(what, lambda: up_and_down(project, env))


def up_and_down(project: Path, env: dict[str, str]) -> str:
    shown = run(project, env, "up", "--dry-run", "--json")
    assert states(shown) == {
        "ec2-login": "done",
        "ec2-init": "create",
        "ec2-infrastructure": "later",
        "ec2-release": "later",
    }, shown.stderr
    assert client("ec2", env).describe_instances()["Reservations"] == []

    first = run(project, env, "up", "--yes")
    # All of the infrastructure is there; the image is built by the pipeline of the first push.
    assert first.returncode == 1, first.stdout + first.stderr
    assert "the registry has no image of this commit" in first.stdout + first.stderr
    assert "the instance, by the hour, and its disk" in first.stdout
    [reservation] = client("ec2", env).describe_instances()["Reservations"]
    [instance] = reservation["Instances"]
    assert instance["State"]["Name"] == "running"
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    roles = {one["RoleName"] for one in client("iam", env).list_roles()["Roles"]}
    assert {"churn-deploy", "churn-instance"} <= roles
    status = ["git", "status", "--porcelain"]
    ignored = subprocess.run(status, cwd=project, capture_output=True, text=True, check=True).stdout
    assert ignored.split() in ([], ["??", f"{HERE}/terraform/.terraform.lock.hcl"])

    head = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(head, cwd=project, capture_output=True, text=True, check=True).stdout.strip()
    push(env, commit)
    second = run(project, env, "up", "--json")
    assert second.returncode == 0, second.stdout + second.stderr
    done = {step["name"]: (step["state"], step["result"]) for step in json.loads(second.stdout)["steps"]}
    assert done["ec2-infrastructure"] == ("done", None)
    assert done["ec2-release"][1] == "done"
    sent = client("ssm", env).list_commands()["Commands"]
    assert [f"release={commit}" in one["Parameters"]["ExtraVariables"][0] for one in sent] == [True]

    refused = run(project, env, "down")
    assert refused.returncode == 1
    assert "the instance with its disk" in refused.stdout + refused.stderr
    down = run(project, env, "down", "--confirm", "project")
    assert down.returncode == 0, down.stdout + down.stderr
    left = [
        one["State"]["Name"]
        for found in client("ec2", env).describe_instances()["Reservations"]
        for one in found["Instances"]
    ]
    assert set(left) <= {"terminated"}
    assert client("ecr", env).describe_images(repositoryName="churn")["imageDetails"]
    buckets = [one["Name"] for one in client("s3", env).list_buckets()["Buckets"]]
    assert buckets == ["churn-deploy-123456789012"]
    return "told"


def test_a_project_without_a_server_has_none_of_it(tmp_path: Path) -> None:
    from mxdev_ec2 import mx_up_steps

    assert mx_up_steps(tmp_path) is None


def test_neither_another_workspace_nor_a_warning_hides_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real Terraform, with a resource that needs no provider."""
    from mxdev.errors import Refused

    from mxdev_ec2.up.terraform import Terraform

    (tmp_path / "main.tf").write_text('resource "terraform_data" "server" {}\n')
    (tmp_path / "rc").write_text(f'provider_installation {{\n  dev_overrides = {{ "example.com/a/b" = "{tmp_path}" }}\n  direct {{}}\n}}\n')  # fmt: skip
    monkeypatch.delenv("TF_WORKSPACE", raising=False)
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "rc"))
    terraform = Terraform(tmp_path)
    terraform.init()
    assert terraform.state() == []
    terraform.plan(tmp_path / "plan")
    terraform.apply(tmp_path / "plan", lambda text: None)
    assert terraform.state() == ["terraform_data.server"]

    monkeypatch.setenv("TF_LOG", "")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "no-such-file"))  # of that it warns
    assert terraform.state() == ["terraform_data.server"]
    monkeypatch.setenv("TF_WORKSPACE", "try")
    with pytest.raises(Refused, match="workspace is try"):
        terraform.state()
    monkeypatch.delenv("TF_WORKSPACE")
    (tmp_path / ".terraform").mkdir(exist_ok=True)
    (tmp_path / ".terraform/environment").write_text("try")
    with pytest.raises(Refused, match="workspace is try") as refused:
        terraform.plan(tmp_path / "plan")
    assert "`terraform workspace select default`" in str(refused.value.hint)
