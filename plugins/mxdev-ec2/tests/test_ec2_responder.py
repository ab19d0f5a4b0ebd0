"""The whole of a deploy: what SSM is sent is really run, on this machine, by a responder over moto; docker is a double that records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ec2_world
import pytest
from ec2_instance import RUN_BY, Instance, made
from ec2_world import Aws, account, aws, rendered, unzipped
from mxdev.testing import once

from mxdev_ec2 import program
from mxdev_ec2.program import DeployError


@dataclass
class Responder:
    """A double of SSM and of its agent: it fetches the bundle that a command names, and runs the playbook with what the command says."""

    cloud: Aws
    instance: Instance

    def send_command(self, **given: Any) -> Any:
        sent = self.cloud.ssm.inner.send_command(**given)
        asked = {name: values[0] for name, values in given["Parameters"].items()}
        key = json.loads(asked["SourceInfo"])["path"].partition(".com/")[2]
        stored = self.cloud.world.client("s3").get_object(Bucket="churn-deploy-123456789012", Key=key)
        folder = self.instance.disk / "bundle"
        for name, data in unzipped(stored["Body"].read()).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        more = [asked["Verbose"], *(["--check"] if asked["Check"] == "True" else [])]
        done = Instance(folder, self.instance.disk).play_with(
            asked["ExtraVariables"], *more, playbook=asked["PlaybookFile"]
        )
        command = sent["Command"]["CommandId"]
        self.cloud.logged(
            f"{command}/i-1/runShellScript/stdout", [line for line in done.stdout.splitlines() if line]
        )
        self.cloud.ssm.script = ["InProgress", "Failed" if done.returncode else "Success"]
        return sent


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Aws]:
    with account():
        found = aws(rendered(tmp_path / "rendered"))
        found.instances("running")
        yield found


def test_a_deploy_runs_and_one_that_is_not_healthy_goes_back(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """One story, told once for the same files: Ansible takes ten seconds a run."""

    def story() -> str:
        cloud: Aws = request.getfixturevalue("cloud")
        instance = made(tmp_path / "rendered", tmp_path / "disk", sick="def")
        cloud.ssm.__dict__["send_command"] = Responder(cloud, instance).send_command
        program.deploy(cloud.world, "abc")
        assert instance.runs.endswith("/churn:abc")
        assert cloud.said[-1] == "abc runs: https://churn.acme.example"
        with pytest.raises(DeployError, match="the log above says why, and what runs now"):
            program.deploy(cloud.world, "def")
        assert instance.runs.endswith("/churn:abc")
        assert any("The release def is not healthy" in line for line in cloud.said)
        assert any("What runs is abc again." in line for line in cloud.said)
        return "told"

    told = [rendered(tmp_path / "once"), *RUN_BY, *(Path(one.__file__ or "") for one in (ec2_world, program))]
    once([*told, Path(__file__)], story)
