"""The playbook, really run on this machine, as SSM's document runs it; docker is a double that records."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import ec2_ansible
import pytest
from ec2_instance import REGISTRY, RUN_BY, Instance, made
from ec2_world import rendered
from mxdev.testing import once


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered(tmp_path_factory.mktemp("rendered"))


@pytest.fixture
def instance(folder: Path, tmp_path: Path) -> Instance:
    return made(folder, tmp_path, sick="bad worse")


def test_the_life_of_a_server(instance: Instance, folder: Path) -> None:
    """One story of four runs, the third on a full disk, told once for the same files, because each takes ten seconds."""

    def story() -> str:
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

        (instance.disk / "calls").unlink()
        (instance.disk / "full").touch()
        bad = instance.play("bad")
        assert bad.returncode != 0
        failed, room, pull, up, back = instance.calls()
        assert room == prune
        assert failed == pull
        assert "up" in up
        assert "up" in back
        assert instance.runs == f"{REGISTRY}/churn:abc"
        assert instance.current == "abc"
        assert "The release bad is not healthy" in bad.stdout
        assert "What runs is abc again." in bad.stdout

        # What runs is deployed again and fails: it is not said to be well. Why is told, although no room could be made either.
        (instance.disk / "full").touch()
        (instance.disk / "stuck").touch()
        again = instance.play("abc")
        assert again.returncode != 0
        told = again.stdout[again.stdout.index("The release abc is not healthy") :]
        assert "no space left on device" in told
        assert "It is what ran already, so nothing was brought up instead" in told
        return "told"

    once([folder, *RUN_BY, Path(__file__)], story)


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
