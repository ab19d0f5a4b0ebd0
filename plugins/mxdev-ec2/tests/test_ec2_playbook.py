"""The playbook, really run on this machine, as SSM's document runs it; docker is a double that records."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import ec2_ansible
import pytest
from ec2_world import rendered

REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
DOUBLE = Path(__file__).with_name("ec2_docker_double.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered(tmp_path_factory.mktemp("rendered"))


@dataclass(frozen=True)
class Instance:
    """A folder that stands for the instance's disk, with the double of docker."""

    folder: Path
    disk: Path

    def play(self, release: str, *more: str, registry: str = REGISTRY) -> subprocess.CompletedProcess[str]:
        """Run the playbook, as AWS-ApplyAnsiblePlaybooks does."""
        ansible = ec2_ansible.home()
        extra = f"SSM=True release={release} registry={registry} home={self.disk}/srv docker_config={self.disk}/.docker"
        env = {
            **os.environ,
            "PATH": f"{self.disk}/bin:{ansible}/bin:/usr/bin:/bin",
            "ANSIBLE_COLLECTIONS_PATH": str(ansible / "collections"),
            "ANSIBLE_HOME": str(self.disk / "ansible"),
            "ANSIBLE_PYTHON_INTERPRETER": str(ansible / "bin/python"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "LC_ALL": "C.UTF-8",
            "DOUBLE": str(self.disk),
        }
        command = ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", extra, *more, "playbook.yml"]
        return subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=300, check=False
        )

    def calls(self) -> list[list[str]]:
        """What docker was asked to do, but for questions about itself."""
        path = self.disk / "calls"
        found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [call for call in found if not {"version", "ps", "images"} & set(call)]

    @property
    def runs(self) -> str:
        """The image that runs."""
        return (self.disk / "running").read_text()

    @property
    def current(self) -> str:
        """The release that is remembered as what runs."""
        return (self.disk / "srv/current").readlink().name


@pytest.fixture
def instance(folder: Path, tmp_path: Path) -> Instance:
    (tmp_path / "bin").mkdir()
    docker = tmp_path / "bin/docker"
    docker.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{DOUBLE}" "$@"\n')
    docker.chmod(0o755)
    (tmp_path / "sick").write_text("bad worse")
    return Instance(folder, tmp_path)


def test_the_life_of_a_server(instance: Instance) -> None:
    """One story of three runs, because each takes ten seconds of a processor."""
    old = instance.disk / "srv/releases/old"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    first = instance.play("abc")
    assert first.returncode == 0, first.stdout + first.stderr
    assert instance.runs == f"{REGISTRY}/churn:abc"
    assert instance.current == "abc"
    pull, up, prune = instance.calls()
    assert "pull" in pull
    assert {"--wait", "--wait-timeout", "120", "--remove-orphans"} <= set(up)
    assert prune == ["image", "prune", "--all", "--force", "--filter", "until=720h"]
    config = json.loads((instance.disk / ".docker/config.json").read_text())
    assert config == {"credHelpers": {REGISTRY: "ecr-login"}}
    assert not old.exists()

    again = instance.play("abc", "--check")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "changed=0" in again.stdout

    bad = instance.play("bad")
    assert bad.returncode != 0
    assert instance.runs == f"{REGISTRY}/churn:abc"
    assert instance.current == "abc"
    assert "The release bad is not healthy" in bad.stdout
    assert "What runs is abc again." in bad.stdout


def test_variables_are_checked(instance: Instance) -> None:
    done = instance.play("abc", registry="evil.example")
    assert done.returncode != 0
    assert "release must be the tag of an image" in done.stdout
    assert instance.calls() == []


def test_ansible_lint(folder: Path) -> None:
    ansible = ec2_ansible.home()
    env = {
        **os.environ,
        "PATH": f"{ansible}/bin:/usr/bin:/bin",
        "ANSIBLE_COLLECTIONS_PATH": str(ansible / "collections"),
        "ANSIBLE_HOME": str(folder.parent / "ansible"),
        "LC_ALL": "C.UTF-8",
    }
    command = [
        "ansible-lint",
        "--offline",
        "--strict",
        "--profile",
        "production",
        "--nocolor",
        "playbook.yml",
    ]
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
