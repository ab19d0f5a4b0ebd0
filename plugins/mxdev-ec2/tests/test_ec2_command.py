"""`mx ec2` and the program of the pipeline, over HTTP against moto's server, as a person and a job run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ec2_world import BASE, HERE, REGION, account, aws
from moto.server import ThreadedMotoServer
from mxdev.testing import mx


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    flags = [part for key, value in BASE.items() for part in (f"--{key.replace('_', '-')}", value)]
    done = mx("generate", "Ec2ModelServer", *flags, "--no-input", cwd=folder)
    assert done.code == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def env(project: Path) -> Iterator[dict[str, str]]:
    """The account behind a server of moto, with one running instance; what lets programs find it."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with account():
        aws(project / HERE).instances("running")
        yield {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }
    server.stop()


def job(project: Path, env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"{HERE}/ec2.py", *arguments]
    return subprocess.run(
        command,
        cwd=project,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_job_and_the_laptop_do_the_same(project: Path, env: dict[str, str]) -> None:
    done = job(project, env, "deploy", "abc")
    assert done.returncode == 0, done.stderr
    assert "abc runs: https://churn.acme.example" in done.stdout
    done = mx("ec2", "deploy", "def", cwd=project, env=env)
    assert done.code == 0, done.stderr
    told = mx("ec2", "status", cwd=project, env=env)
    assert "def runs" in told.stdout
    assert told.stdout.count("Success") == 2


def test_a_job_that_cannot_deploy_is_red(project: Path, env: dict[str, str]) -> None:
    done = job(project, env, "deploy", "nope")
    assert done.returncode == 1
    assert "no image" in done.stderr
    assert "Traceback" not in done.stderr
    told = mx("ec2", "deploy", "nope", cwd=project, env=env)
    assert told.code == 4
    assert "no image" in told.stderr


def test_without_settings(tmp_path: Path) -> None:
    (tmp_path / "mx.yaml").write_text("version: 1\n")
    told = mx("ec2", "status", cwd=tmp_path)
    assert told.code == 4
    assert "settings.json" in told.stderr
