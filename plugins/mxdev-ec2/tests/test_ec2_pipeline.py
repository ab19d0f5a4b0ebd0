"""The rendered pipeline: by GitLab's schema, and its jobs really run by gitlab-ci-local against moto's server, with a role for a token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from checks_ci import check_shell
from checks_gitlab import check_gitlab, check_schema
from ec2_world import BASE, HERE, account, aws, rendered
from extract import gitlab_scripts
from moto.server import ThreadedMotoServer
from mxdev.testing import mx


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline") / "project"
    folder.mkdir()
    flags = [part for key, value in BASE.items() for part in (f"--{key.replace('_', '-')}", value)]
    done = mx("generate", "Ec2ModelServer", *flags, "--no-input", cwd=folder)
    assert done.code == 0, done.stderr
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for command in (["init", "--quiet", "-b", "main"], ["add", "--all"], [*who, "commit", "-qm", "First"]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def server(project: Path) -> Iterator[str]:
    """An account with one running instance, over HTTP."""
    running = ThreadedMotoServer(port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with account():
        aws(project / HERE).instances("running")
        yield f"http://{host}:{port}"
    running.stop()


def jobs(project: Path, server: str, *names: str) -> subprocess.CompletedProcess[str]:
    """Run jobs in a shell. `pip` is a double that installs nothing, because boto3 is in this environment; `python` is this one."""
    local = pytest.importorskip("gitlab_ci_local", reason="gitlab-ci-local is installed by mx's own tests")
    variables = {
        "AWS_ENDPOINT_URL": server,
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/churn-deploy",
        # GitLab gives the token; and gitlab-ci-local says that the project lies in a folder that is not there.
        "AWS_ID_TOKEN": "token-of-a-job",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(project.parent / "token"),
    }
    keys = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    tools = {"pip": "exit 0", "python": f'exec "{sys.executable}" "$@"'}
    done: subprocess.CompletedProcess[str] = local.run(
        project, *names, variables=variables, tools=tools, environment=keys
    )
    return done


def test_a_deploy_without_an_image_is_red_and_with_one_green(project: Path, server: str) -> None:
    red = jobs(project, server, "ec2-deploy")
    assert red.returncode != 0, red.stdout + red.stderr
    assert "The registry has no image" in red.stdout + red.stderr
    head = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(head, cwd=project, capture_output=True, text=True, check=True).stdout.strip()
    push(commit)
    green = jobs(project, server, "ec2-deploy")
    assert green.returncode == 0, green.stdout + green.stderr
    assert f"{commit} runs: https://churn.acme.example" in green.stdout
    assert (project.parent / "token").read_text() == "token-of-a-job"
    assert (project.parent / "token").stat().st_mode & 0o77 == 0


def push(tag: str) -> None:
    from ec2_world import MANIFEST, client

    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": tag}})
    client("ecr").put_image(repositoryName="churn", imageManifest=manifest, imageTag=tag)


def test_the_pipeline_is_one_for_gitlab(project: Path) -> None:
    assert check_schema((project / HERE / "gitlab-ci.yml").read_text()) == []


def test_nobody_else_decides_what_a_job_runs(project: Path) -> None:
    text = (project / HERE / "gitlab-ci.yml").read_text()
    assert check_gitlab(text) == []
    assert check_shell(gitlab_scripts(text)) == []


def role_of(pipeline: dict[str, Any], folder: Path, **settings: str) -> str:
    """The role of a job, where these variables are in GitLab's settings, which override those of the job."""
    given = {"PATH": os.environ["PATH"], "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token")}
    place = {**given, **pipeline[".ec2"]["variables"], **given, **settings}
    script = "\n".join([*pipeline[".ec2"]["before_script"], "printenv AWS_ROLE_ARN"])
    done = subprocess.run(["sh", "-ec", script], env=place, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_beside_the_jobs_of_a_model_project(tmp_path: Path) -> None:
    """Stages, role and weights: what the pipeline that it includes has otherwise than this one."""
    options = {"deploy_stage": "staging", "build_stage": "image", "weights_bucket": "shipyard-models"}
    text = (rendered(tmp_path, **options) / "gitlab-ci.yml").read_text()
    assert check_schema(text) == []
    assert check_gitlab(text) == []
    assert check_shell(gitlab_scripts(text)) == []
    pipeline = yaml.safe_load(text)
    assert {pipeline[".ec2-deploy"]["stage"], pipeline["ec2-build"]["stage"]} == {"staging", "image"}
    assert role_of(pipeline, tmp_path, EC2_ROLE_ARN="deploys", AWS_ROLE_ARN="of the other jobs") == "deploys"
    assert role_of(pipeline, tmp_path, AWS_ROLE_ARN="the only one") == "the only one"
    script = pipeline["ec2-build"]["script"]
    built = next(at for at, line in enumerate(script) if "dummy" in line)
    fetched, written, again, pushed = script[built + 1 :]
    assert (
        fetched == 'python3 infrastructure/ec2/ec2.py weights "$WEIGHTS" "${CI_PROJECT_DIR}.tmp/image/models"'
    )
    assert again == 'docker build --tag "$IMAGE" "${CI_PROJECT_DIR}.tmp/image"'
    assert pushed == 'docker push "$IMAGE"'
    # Really written, and a Dockerfile on top of the image.
    (tmp_path / "job.tmp/image").mkdir(parents=True)
    place = {
        "IMAGE": "registry/churn:abc",
        "CI_PROJECT_DIR": str(tmp_path / "job"),
        "PATH": os.environ["PATH"],
    }
    subprocess.run(["sh", "-ec", written], env=place, check=True)
    dockerfile = (tmp_path / "job.tmp/image/Dockerfile").read_text()
    assert dockerfile == "FROM registry/churn:abc\nCOPY --chmod=0755 models /mnt/models\n"


def test_a_deploy_is_never_let_go(project: Path) -> None:
    pipeline = yaml.safe_load((project / HERE / "gitlab-ci.yml").read_text())
    assert pipeline[".ec2-deploy"]["resource_group"] == "churn"
    assert pipeline[".ec2-deploy"]["interruptible"] is False
    assert pipeline[".ec2-deploy"]["environment"] == {"name": "churn", "url": "https://churn.acme.example"}
    assert "allow_failure" not in pipeline["ec2-deploy"]
    assert pipeline["ec2-rollback"]["rules"][0]["when"] == "manual"
    text = json.dumps(pipeline)
    assert ":latest" not in text
    assert "|| true" not in text


def test_the_token_lies_in_no_build_context(project: Path) -> None:
    """What lies below the checkout, `docker build .` may take into an image that others pull."""
    pipeline = yaml.safe_load((project / HERE / "gitlab-ci.yml").read_text())
    checkout = "/builds/acme/churn"
    place = pipeline[".ec2"]["variables"]["AWS_WEB_IDENTITY_TOKEN_FILE"]
    place = place.replace("${CI_PROJECT_DIR}", checkout).replace("$CI_PROJECT_DIR", checkout)
    assert Path(checkout) not in Path(place).parents
