"""The job that trains on the cluster: its commands, really run against an API server and a node that runs its pods."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cluster_fixtures import NodeRunner
from control_plane.node import Place

from mxdev.testing import render_all, write

COMMIT = "0123456789abcdef0123456789abcdef01234567"
Train = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def train(tmp_path: Path, node_runner: NodeRunner) -> Train:
    """Runs the script of GitLab's job; the image's trainer is a Python script that the test gives."""
    # The namespace has the project's name.
    name = f"churn-{secrets.token_hex(4)}"
    project = tmp_path / "project"
    write(render_all("GitLabCI", name=name, accelerator="none"), project)
    job = yaml.safe_load((project / ".gitlab/mx.gitlab-ci.yml").read_text())["mx-train"]
    registry = job["variables"]["REGISTRY"]
    image = tmp_path / "image"
    package = image / name.replace("-", "_")
    package.mkdir(parents=True)
    interpreter = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    node = node_runner(images={f"{registry}/run:{COMMIT}": Place(image, interpreter)}, namespace=name)
    # Of what is deployed before there is any training, the Job needs its account.
    node.plane.kubectl(
        "apply", "-f", project / "infrastructure/kubernetes/train-infrastructure/service_accounts.yaml"
    )
    # What GitLab brings along, and a gcloud whose credentials are there already.
    tools = tmp_path / "tools"
    tools.mkdir()
    gcloud = tools / "gcloud"
    gcloud.write_text(f'#!/bin/sh\necho "gcloud $*" >> {tools}/called\n')
    gcloud.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "KUBECONFIG": str(node.plane.kubeconfig),
        "COMMIT": COMMIT,
        "REGISTRY": registry,
    }

    def run(trainer: str) -> subprocess.CompletedProcess[str]:
        (package / "trainer.py").write_text(trainer)
        script = "\n".join(["set -eo pipefail", *job["script"]])
        done = subprocess.run(
            ["bash", "-c", script], cwd=project, env=environment, capture_output=True, text=True,
            check=False, timeout=300,
        )  # fmt: skip
        credentials = f"gcloud container clusters get-credentials {name} --location europe-west4 "
        assert (tools / "called").read_text().startswith(credentials)
        return done

    return run


def test_it_waits_for_the_training_and_shows_its_log(train: Train) -> None:
    done = train(
        "import os, time\n"
        "print('training for', os.environ['MLFLOW_TRACKING_URI'], flush=True)\n"
        "time.sleep(2)\nprint('trained', flush=True)\n"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The same on your machine: mx flow run --backend kubernetes\n" in done.stdout
    assert f"job.batch/train-{COMMIT[:12]}-" in done.stdout
    assert "training for http://mlflow.churn-" in done.stdout
    assert "\ntrained\n" in done.stdout


def test_a_training_that_fails_fails_the_job(train: Train) -> None:
    done = train("import sys\nsys.exit('no data')\n")
    assert done.returncode != 0
    assert "no data" in done.stdout
    # What the cluster says of the Job, and of its pod.
    assert "Pods Statuses:" in done.stdout
    assert "Exit Code:" in done.stdout
