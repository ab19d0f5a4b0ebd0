"""What the tests of mxdev-ec2 share: rendered folders, and AWS as moto plays it, with a double for what SSM says of a command."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws
from mxdev.testing import render, write

from mxdev_ec2 import program

REGION = "eu-central-1"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
HERE = "infrastructure/ec2"
BASE = {"service": "churn", "hostname": "churn.acme.example", "gitlab_project": "acme/churn"}


def rendered(folder: Path, **options: object) -> Path:
    """Render the generator into `folder`; the folder of the deploy in it."""
    from mxdev_ec2.server.generator import Ec2ModelServer

    write(render(Ec2ModelServer, **{**BASE, **options}), folder)
    return folder / HERE


@dataclass
class Ssm:
    """A double of SSM's client: moto keeps the commands; what is said of the next one is `script`, then for ever its last item.

    moto itself says Success of every command at once. An item is a status, or a status and its details, or "" for what SSM says
    while it has no invocation yet.
    """

    inner: Any
    script: list[str | tuple[str, str]] = field(default_factory=lambda: ["Success"])
    said: dict[str, str] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def get_command_invocation(self, **asked: str) -> dict[str, str]:
        assert asked["CommandId"]
        item = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if item == "":
            raise ClientError({"Error": {"Code": "InvocationDoesNotExist"}}, "GetCommandInvocation")
        status, details = (item, item) if isinstance(item, str) else item
        self.said[asked["CommandId"]] = status
        return {"Status": status, "StatusDetails": details}

    def get_paginator(self, name: str) -> Any:
        assert name == "list_commands"
        return self

    def paginate(self, **asked: str) -> Iterator[dict[str, Any]]:
        """One command a page."""
        found = self.inner.list_commands(**asked)["Commands"]
        for number, one in enumerate(found):
            # moto gives all the time of this second; the order in which they came is kept.
            when = one["RequestedDateTime"].replace(microsecond=number)
            yield {
                "Commands": [
                    {
                        **one,
                        "RequestedDateTime": when,
                        "Status": self.said.get(one["CommandId"], one["Status"]),
                    }
                ]
            }


@dataclass
class Logs:
    """CloudWatch Logs, that gives two events a page."""

    inner: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def get_log_events(self, **asked: Any) -> Any:
        return self.inner.get_log_events(**asked, limit=2)


@dataclass
class Aws:
    """A world of which every part is moto's or a double."""

    world: program.World
    ssm: Ssm
    said: list[str]
    clock: list[float]

    def instances(self, *states: str, name: str = "churn") -> list[str]:
        """Make an instance for each state."""
        ec2 = self.world.client("ec2")
        made = []
        for state in states:
            tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]
            one = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, TagSpecifications=tags)[
                "Instances"
            ][0]["InstanceId"]
            if state == "stopped":
                ec2.stop_instances(InstanceIds=[one])
            if state == "terminated":
                ec2.terminate_instances(InstanceIds=[one])
            made.append(one)
        return made

    def logged(self, stream: str, lines: Sequence[str]) -> None:
        """Put lines into a stream of the log group, as SSM does."""
        logs = self.world.client("logs")
        logs.create_log_stream(logGroupName="/churn/deploy", logStreamName=stream)
        now = int(time.time() * 1000)
        events = [{"timestamp": now + at, "message": line} for at, line in enumerate(lines)]
        logs.put_log_events(logGroupName="/churn/deploy", logStreamName=stream, logEvents=events)

    def commands(self) -> list[dict[str, Any]]:
        """What SSM was given for the running instance."""
        return list(self.ssm.inner.list_commands(InstanceId=program.instance(self.world))["Commands"])


@cache
def client(name: str) -> Any:
    """A client of AWS; once for all tests, because the first of each service takes a second."""
    session = boto3.Session("test", "test", region_name=REGION)
    return session.client(name)


@contextmanager
def account() -> Iterator[None]:
    """An account with the registry and its images, the bucket and the log group that Terraform makes."""
    with mock_aws():
        client("ecr").create_repository(repositoryName="churn", imageTagMutability="IMMUTABLE")
        for tag in ("abc", "def", "ghi"):
            manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": tag}})
            client("ecr").put_image(repositoryName="churn", imageManifest=manifest, imageTag=tag)
        client("logs").create_log_group(logGroupName="/churn/deploy")
        place = {"LocationConstraint": REGION}
        client("s3").create_bucket(Bucket="churn-deploy-123456789012", CreateBucketConfiguration=place)
        yield


def aws(folder: Path) -> Aws:
    """The account without any instance; `folder` is the rendered one.

    Making and forgetting an account takes a second, so a module shares one. SSM's history is an instance's, so each test has its own.
    """
    found = client("ec2").describe_instances()["Reservations"]
    if ids := [one["InstanceId"] for reservation in found for one in reservation["Instances"]]:
        client("ec2").terminate_instances(InstanceIds=ids)
    ssm, said, clock = Ssm(client("ssm")), list[str](), [0.0]
    clients = {"ssm": ssm, "logs": Logs(client("logs"))}

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    def of(name: str) -> Any:
        return clients.get(name) or client(name)

    world = program.World(program.read_settings(folder), of, said.append, lambda: clock[0], sleep)
    return Aws(world, ssm, said, clock)


def unzipped(data: bytes) -> dict[str, bytes]:
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
