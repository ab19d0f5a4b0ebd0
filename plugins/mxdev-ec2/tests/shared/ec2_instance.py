"""A folder that stands for the instance: the playbook really runs on this machine, with a double of docker that records."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import ec2_ansible

REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
DOUBLE = Path(__file__).with_name("ec2_docker_double.py")
# What a run of the playbook depends on, besides the rendered folder: for `mxdev.testing.once`.
RUN_BY = (DOUBLE, Path(__file__), Path(ec2_ansible.__file__))


@dataclass(frozen=True)
class Instance:
    """A folder that stands for the instance's disk, with the double of docker."""

    folder: Path
    disk: Path

    def play(self, release: str, *more: str, registry: str = REGISTRY) -> subprocess.CompletedProcess[str]:
        """Run the playbook for a release."""
        return self.play_with(f"SSM=True release={release} registry={registry}", *more)

    def play_with(
        self, extra: str, *more: str, playbook: str = "playbook.yml"
    ) -> subprocess.CompletedProcess[str]:
        """Run the playbook, as AWS-ApplyAnsiblePlaybooks does; only where things lie is other than on an instance."""
        ansible = ec2_ansible.home()
        extra += f" home={self.disk}/srv docker_config={self.disk}/.docker"
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
        command = ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", extra, *more, playbook]
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


def made(folder: Path, disk: Path, *, sick: str) -> Instance:
    """An instance whose disk is empty; releases named in `sick` never get healthy."""
    (disk / "bin").mkdir(parents=True)
    docker = disk / "bin/docker"
    docker.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{DOUBLE}" "$@"\n')
    docker.chmod(0o755)
    (disk / "sick").write_text(sick)
    return Instance(folder, disk)
