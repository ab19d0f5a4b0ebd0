"""Seven faults of a pipeline as tutorials print it: each test is red on that one, really run with a double of the CLI, and green on ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml
from ec2_world import account, aws, rendered

from mxdev_ec2 import program

SHARED = Path(__file__).with_name("shared")
LOG = [f"line {at}" for at in range(5)]


@dataclass
class Ended:
    """How a run ended: its exit code, what it said, and the sources that SSM was told."""

    code: int
    said: str
    sources: list[str] = field(default_factory=list)


class Pipeline(Protocol):
    """A pipeline that deploys, in a world of so many instances, in which a command gets these statuses."""

    jobs: dict[str, Any]

    def deploy(
        self, *statuses: str, instances: Sequence[str] = ("running",), in_flight: bool = False
    ) -> Ended: ...


class Printed:
    """The printed pipeline; its script runs in a shell, against the double of the CLI."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs = yaml.safe_load((SHARED / "ec2_as_printed.yml").read_text())
        for name in ("aws", "zip", "sleep"):
            path = folder / name
            path.write_text(
                f'#!/bin/sh\nexec "{sys.executable}" -I -S "{SHARED}/ec2_cli_double.py" "$0" "$@"\n'
            )
            path.chmod(0o755)

    def deploy(
        self, *statuses: str, instances: Sequence[str] = ("running",), in_flight: bool = False
    ) -> Ended:
        # Its query asks after no state, so it finds what has not run for long, too.
        ids = [f"i-{at}" for at, _ in enumerate(instances)]
        world, calls = self.folder / "world.json", self.folder / "calls"
        world.write_text(json.dumps({"instances": ids, "statuses": statuses, "log": LOG}))
        calls.write_text("")
        variables = {**self.jobs["variables"], "WORLD": str(world), "CALLS": str(calls)}
        environment = {**os.environ, **variables, "PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}"}
        script = "set -e\n" + "\n".join(self.jobs["deploy"]["script"])
        # A short loop is enough to see how it ends; what it waits for is asked of a double anyway.
        script = script.replace("$(seq 30)", "1 2 3")
        done = subprocess.run(
            ["sh", "-c", script], env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        told = [json.loads(line) for line in calls.read_text().splitlines()]
        sources = [
            word.partition("path:")[2].partition("}")[0]
            for call in told
            if "send-command" in call
            for word in call
            if "SourceInfo" in word
        ]
        return Ended(done.returncode, done.stdout + done.stderr, sources)


class Ours:
    """The rendered pipeline; its program runs against moto and the double of SSM."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs = yaml.safe_load((folder / "gitlab-ci.yml").read_text())

    def deploy(
        self, *statuses: str, instances: Sequence[str] = ("running",), in_flight: bool = False
    ) -> Ended:
        cloud = aws(self.folder)
        ids = cloud.instances(*instances)
        if in_flight:
            cloud.ssm.said[program.send(cloud.world, ids[0], "def")] = "InProgress"
        before = self._sources(cloud, ids)
        cloud.ssm.script = list(statuses)
        send = cloud.ssm.inner.send_command

        def sent(**given: object) -> Any:
            made = send(**given)
            cloud.logged(f"{made['Command']['CommandId']}/i-1/stdout", LOG)
            return made

        cloud.ssm.__dict__["send_command"] = sent
        try:
            program.deploy(cloud.world, "abc")
        except program.DeployError as error:
            return Ended(1, "\n".join([*cloud.said, str(error)]), self._sources(cloud, ids)[len(before) :])
        return Ended(0, "\n".join(cloud.said), self._sources(cloud, ids)[len(before) :])

    def _sources(self, cloud: Any, ids: Sequence[str]) -> list[str]:
        commands = [one for name in ids for one in cloud.ssm.inner.list_commands(InstanceId=name)["Commands"]]
        return [json.loads(one["Parameters"]["SourceInfo"][0])["path"] for one in commands]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Printed:
    made = Printed(tmp_path_factory.mktemp("printed"))
    assert made.deploy("Success").code == 0  # it runs, so that what is red is the fault
    return made


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    with account():
        yield Ours(rendered(tmp_path_factory.mktemp("ours")))


def the_source_has_one_scheme(pipeline: Pipeline) -> None:
    [source] = pipeline.deploy("Success").sources
    assert source.count("://") == 1, source


def a_poll_that_runs_out_is_red(pipeline: Pipeline) -> None:
    assert pipeline.deploy("InProgress").code != 0


def every_end_but_success_is_red(pipeline: Pipeline) -> None:
    for status in ("Failed", "TimedOut", "Cancelled", "DeliveryTimedOut", "Undeliverable", "Terminated"):
        assert pipeline.deploy("InProgress", status).code != 0, status
    assert pipeline.deploy("Success").code == 0


def only_one_running_instance_will_do(pipeline: Pipeline) -> None:
    for states in ((), ("running", "running"), ("stopped",)):
        ended = pipeline.deploy("Success", instances=states)
        assert (ended.code != 0, ended.sources) == (True, []), states


def the_log_of_a_failure_is_whole(pipeline: Pipeline) -> None:
    said = pipeline.deploy("Failed").said
    assert [line for line in LOG if line not in said] == []


def one_deploy_at_a_time(pipeline: Pipeline) -> None:
    [deploy] = [job for name, job in pipeline.jobs.items() if name in ("deploy", ".ec2-deploy")]
    assert "resource_group" in deploy
    ended = pipeline.deploy("Success", in_flight=True)
    assert (ended.code != 0, ended.sources) == (True, [])


def no_key_lies_anywhere(pipeline: Pipeline) -> None:
    text = json.dumps(pipeline.jobs)
    assert "AWS_SECRET_ACCESS_KEY" not in text
    assert "id_tokens" in text


SEVEN: tuple[Callable[[Pipeline], None], ...] = (
    the_source_has_one_scheme,
    a_poll_that_runs_out_is_red,
    every_end_but_success_is_red,
    only_one_running_instance_will_do,
    the_log_of_a_failure_is_whole,
    one_deploy_at_a_time,
    no_key_lies_anywhere,
)


@pytest.mark.parametrize("holds", SEVEN, ids=lambda check: check.__name__)
def test_red_as_printed_and_green_on_ours(
    holds: Callable[[Pipeline], None], printed: Printed, ours: Ours
) -> None:
    with pytest.raises(AssertionError):
        holds(printed)
    holds(ours)
