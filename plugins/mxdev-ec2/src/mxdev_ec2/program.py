#!/usr/bin/env python3
"""Brings releases to the instance by SSM Run Command, and ends as the deploy ended: 0 when it succeeded, 1 when it did not.

Needs boto3 and Python 3.11; settings.json, playbook.yml and compose.yaml lie beside it.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

DOCUMENT = "AWS-ApplyAnsiblePlaybooks"
FILES = ("compose.yaml", "playbook.yml")
# What SSM says of a command that has not ended yet; whatever else it says but Success is a failure.
RUNNING = ("Pending", "InProgress", "Delayed", "Cancelling")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


class DeployError(Exception):
    """What went wrong, and what to do about it."""


@dataclass(frozen=True)
class Settings:
    """What settings.json says.

    Attributes:
        folder: where it lies, beside the playbook and the compose file.
        service: the name of the instance, of the registry's repository, and of the log group /SERVICE/deploy.
        region: of AWS.
        url: where the server answers.
        deliver_seconds: how long SSM may try to reach the instance.
        run_seconds: how long the playbook may run.
        poll_seconds: between two looks.
    """

    folder: Path
    service: str
    region: str
    url: str
    deliver_seconds: int = 120
    run_seconds: int = 900
    poll_seconds: float = 5

    @property
    def ending(self) -> str:
        """What the addresses of AWS's services end with in this region."""
        return "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"

    @property
    def log_group(self) -> str:
        """Where SSM puts what the playbook says."""
        return f"/{self.service}/deploy"


def read_settings(folder: Path) -> Settings:
    """The settings beside the playbook.

    Raises:
        DeployError: there are none, or they are not readable.
    """
    path = folder / "settings.json"
    try:
        return Settings(folder, **json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DeployError(f"{path} cannot be read: {error}") from error


@dataclass(frozen=True)
class Deploy:
    """A command that SSM was given.

    Attributes:
        command: its id.
        release: the tag of the image.
        status: what SSM says of it.
        when: when it was asked for, as text.
        check: it was a dry run, which changes nothing.
    """

    command: str
    release: str
    status: str
    when: str
    check: bool = False

    @property
    def good(self) -> bool:
        """Whether the release ran afterwards."""
        return self.status == "Success" and not self.check


@dataclass(frozen=True)
class World:
    """AWS, and the clock.

    Attributes:
        settings: see `Settings`.
        client: gives the client of a service, as boto3 does.
        say: shows a line.
        now, sleep: the clock, in seconds.
    """

    settings: Settings
    client: Callable[[str], Any]
    say: Callable[[str], None] = print
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def aws(settings: Settings) -> World:
    """The real AWS, with the login that boto3 finds.

    Raises:
        DeployError: boto3 is not installed.
    """
    try:
        import boto3
    except ImportError as error:
        raise DeployError("boto3 is missing: pip install boto3") from error
    from botocore.exceptions import BotoCoreError

    try:
        session = boto3.Session(region_name=settings.region)
    except BotoCoreError as error:
        raise DeployError(f"The login to AWS cannot be read: {error}") from error
    return World(settings, session.client)


def instance(world: World) -> str:
    """The id of the one running instance that bears the service's name.

    Raises:
        DeployError: there is none, there are several, or it does not run.
    """
    name, region = world.settings.service, world.settings.region
    pages = world.client("ec2").get_paginator("describe_instances")
    filters = [{"Name": "tag:Name", "Values": [name]}]
    found = {
        one["InstanceId"]: one["State"]["Name"]
        for page in pages.paginate(Filters=filters)
        for reservation in page["Reservations"]
        for one in reservation["Instances"]
        if one["State"]["Name"] not in ("terminated", "shutting-down")
    }
    running = [one for one, state in found.items() if state == "running"]
    if len(running) == 1:
        return str(running[0])
    if len(running) > 1:
        raise DeployError(
            f"{len(running)} running instances are called {name} in {region}: {', '.join(sorted(running))}. "
            "Terminate or rename all but one."
        )
    if found:
        states = ", ".join(f"{one} is {state}" for one, state in sorted(found.items()))
        start = f"aws ec2 start-instances --region {region} --instance-ids {min(found)}"
        raise DeployError(f"No instance called {name} runs in {region}: {states}. To start it: {start}")
    raise DeployError(f"There is no instance called {name} in {region}: terraform apply makes it.")


def history(world: World, target: str) -> Iterator[Deploy]:
    """The deploys to an instance that SSM remembers (30 days), the newest first."""
    pages = world.client("ssm").get_paginator("list_commands").paginate(InstanceId=target)
    commands = [one for page in pages for one in page["Commands"] if one["DocumentName"] == DOCUMENT]
    for one in sorted(commands, key=lambda one: str(one["RequestedDateTime"]), reverse=True):
        extra = " ".join(one["Parameters"].get("ExtraVariables", []))
        release = found[1] if (found := re.search(r"\brelease=(\S+)", extra)) else "?"
        when = f"{one['RequestedDateTime']:%F %T}"
        yield Deploy(
            one["CommandId"], release, one["Status"], when, one["Parameters"].get("Check") == ["True"]
        )


def registry(world: World) -> str:
    """The address of the account's registry."""
    account = world.client("sts").get_caller_identity()["Account"]
    return f"{account}.dkr.ecr.{world.settings.region}.{world.settings.ending}"


def image(world: World, release: str) -> str:
    """The whole name of the image of a release."""
    return f"{registry(world)}/{world.settings.service}:{release}"


def has_image(world: World, release: str) -> bool:
    """Whether the registry has the image of a release."""
    from botocore.exceptions import ClientError

    try:
        world.client("ecr").describe_images(
            repositoryName=world.settings.service, imageIds=[{"imageTag": release}]
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ImageNotFoundException":
            return False
        raise
    return True


def login(world: World, folder: Path) -> None:
    """Write the registry's password, which holds for twelve hours, into Docker's configuration in `folder`."""
    token = world.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    path = folder / "config.json"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    auths = {**config.get("auths", {}), registry(world): {"auth": token}}
    path.write_text(json.dumps({**config, "auths": auths}), encoding="utf-8")
    path.chmod(0o600)


def weights(world: World, address: str, folder: Path) -> None:
    """Bring what lies below an address of S3 into `folder`.

    Raises:
        DeployError: it is no such address, or nothing is there.
    """
    found = re.fullmatch(r"s3://([^/]+)/(.+?)/?", address)
    if found is None:
        raise DeployError(f"{address!r} is no s3://BUCKET/PATH, as WEIGHTS of the pipeline should be.")
    bucket, prefix, client = found[1], f"{found[2]}/", world.client("s3")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [one["Key"] for page in pages for one in page.get("Contents", ()) if one["Key"][-1] != "/"]
    if not keys:
        raise DeployError(f"There are no weights at {address}: train first, and name them in WEIGHTS.")
    for key in keys:
        below = PurePosixPath(key.removeprefix(prefix))
        if below.is_absolute() or ".." in below.parts:
            raise DeployError(f"s3://{bucket}/{key} would lie outside of {folder}.")
        (folder / below).parent.mkdir(parents=True, exist_ok=True)
        client.download_file(bucket, key, str(folder / below))


def bundle(folder: Path) -> bytes:
    """The playbook and the compose file as a zip; the same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in FILES:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, (folder / name).read_bytes())
    return out.getvalue()


def upload(world: World) -> str:
    """Put the bundle into the service's bucket; the URL that SSM fetches it from."""
    settings = world.settings
    data = bundle(settings.folder)
    account, _, _ = registry(world).partition(".")
    bucket, key = f"{settings.service}-deploy-{account}", f"bundles/{hashlib.sha256(data).hexdigest()}.zip"
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    world.client("s3").put_object(Bucket=bucket, Key=key, Body=data, ChecksumSHA256=digest)
    return f"https://{bucket}.s3.{settings.region}.{settings.ending}/{key}"


def send(world: World, target: str, release: str, *, check: bool = False) -> str:
    """Ask SSM to run the playbook; the id of the command."""
    settings = world.settings
    parameters = {
        "SourceType": ["S3"],
        "SourceInfo": [json.dumps({"path": upload(world)})],
        "InstallDependencies": ["False"],
        "PlaybookFile": ["playbook.yml"],
        "ExtraVariables": [f"SSM=True release={release} registry={registry(world)}"],
        "Check": [str(check)],
        "Verbose": ["-v"],
        "TimeoutSeconds": [str(settings.run_seconds)],
    }
    sent = world.client("ssm").send_command(
        DocumentName=DOCUMENT,
        InstanceIds=[target],
        Comment=f"deploy {settings.service} {release}"[:100],
        Parameters=parameters,
        TimeoutSeconds=settings.deliver_seconds,
        CloudWatchOutputConfig={
            "CloudWatchLogGroupName": settings.log_group,
            "CloudWatchOutputEnabled": True,
        },
    )
    return str(sent["Command"]["CommandId"])


def wait(world: World, command: str, target: str) -> tuple[str, str]:
    """Wait until a command has ended: its status, and the details that SSM gives with it.

    Raises:
        DeployError: it did not end in its time.
    """
    settings, seen = world.settings, ""
    # Delivery and the run have their own limits in SSM; this one is for an SSM that never says anything.
    end = world.now() + settings.deliver_seconds + settings.run_seconds + 60
    while True:
        status, details = _invocation(world, command, target)
        if status not in RUNNING:
            return status, details
        if status != seen:
            world.say(f"{command}: {status}")
            seen = status
        if world.now() >= end:
            raise DeployError(
                f"The command {command} is still {status} after its time. It may end yet: look with `status`; it counts as failed here."
            )
        world.sleep(settings.poll_seconds)


def _invocation(world: World, command: str, target: str) -> tuple[str, str]:
    from botocore.exceptions import ClientError

    try:
        found = world.client("ssm").get_command_invocation(CommandId=command, InstanceId=target)
    except ClientError as error:
        # SSM gives an invocation a little after the command: until then it says that there is none.
        if error.response["Error"]["Code"] == "InvocationDoesNotExist":
            return "Pending", ""
        raise
    return str(found["Status"]), str(found.get("StatusDetails") or found["Status"])


def log(world: World, command: str) -> Iterator[str]:
    """Every line that a command wrote, of all its streams and all their pages."""
    client, group = world.client("logs"), world.settings.log_group
    pages = client.get_paginator("describe_log_streams")
    streams = [
        stream["logStreamName"]
        for page in pages.paginate(logGroupName=group, logStreamNamePrefix=command)
        for stream in page["logStreams"]
    ]
    for stream in streams:
        yield f"--- {stream.removeprefix(command).strip('/')}"
        token, more = None, True
        while more:
            asked = {"nextToken": token} if token else {"startFromHead": True}
            page = client.get_log_events(logGroupName=group, logStreamName=stream, **asked)
            yield from (event["message"] for event in page["events"])
            # The last page gives the token that it was asked with.
            more, token = page["nextForwardToken"] != token, page["nextForwardToken"]


def deploy(world: World, release: str, *, check: bool = False) -> None:
    """Bring a release to the instance, and wait until it is healthy there.

    Raises:
        DeployError: it cannot be begun, another deploy is in flight, or it ended in any way but success.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    settings = world.settings
    if not TAG.fullmatch(release):
        raise DeployError(f"{release!r} cannot be the tag of an image")
    target = instance(world)
    flying = [one for one in history(world, target) if one.status in RUNNING]
    if flying:
        raise DeployError(
            f"A deploy of {flying[0].release} is in flight: {flying[0].command}, {flying[0].status} since {flying[0].when}. "
            f"Wait for it, or stop it: aws ssm cancel-command --region {settings.region} --command-id {flying[0].command}"
        )
    if not has_image(world, release):
        raise DeployError(
            f"The registry has no image {image(world, release)}; the build of that commit pushes it."
        )
    command = send(world, target, release, check=check)
    world.say(f"{command}: deploy {release} to {target}")
    status, details = wait(world, command, target)
    if status == "Success":
        world.say(f"{release} could be deployed." if check else f"{release} runs: {settings.url}")
        return
    try:
        for line in log(world, command):
            world.say(line)
    except (BotoCoreError, ClientError) as error:  # that hides no end
        world.say(f"Its log cannot be read: {error}")
    said = status if details == status else f"{status} ({details})"
    raise DeployError(
        f"The deploy of {release} ended as {said}: {_MEANING.get(details.replace(' ', ''), _MEANING['Failed'])}"
    )


_MEANING: Mapping[str, str] = {
    "Failed": "the log above says why, and what runs now.",
    "DeliveryTimedOut": "SSM did not reach the instance. Is it running, and its agent online? aws ssm describe-instance-information",
    "ExecutionTimedOut": "it ran out of its time on the instance; what runs there now is not known: `status`, then deploy again.",
    "Cancelled": "somebody stopped it; what runs there now is not known: deploy again.",
    "Undeliverable": "there is no such instance for SSM, or its agent does not answer. aws ssm describe-instance-information",
    "Terminated": "SSM stopped it, because its parent failed; deploy again.",
}


def running(world: World, target: str) -> list[str]:
    """The releases that were deployed with success, the newest first, each once."""
    good = [one.release for one in history(world, target) if one.good]
    return list(dict.fromkeys(good))


def rollback(world: World, release: str | None = None) -> None:
    """Deploy `release`, or what ran before what runs.

    Raises:
        DeployError: there is none to go back to, or the deploy failed.
    """
    if release is None:
        good = running(world, instance(world))
        if len(good) < 2:
            raise DeployError(
                "SSM remembers no release before the one that runs (it forgets after 30 days). Name one: rollback --to TAG"
            )
        release = good[1]
    deploy(world, release)


def status(world: World) -> None:
    """Show what runs, and the last ten deploys."""
    target = instance(world)
    found = list(history(world, target))
    good = next((one.release for one in found if one.good), "nothing")
    world.say(f"{world.settings.service} on {target}: {good} runs ({world.settings.url})")
    for one in found[:10]:
        world.say(
            f"  {one.when}  {one.status:<10}  {one.release}  {one.command}{'  (dry run)' if one.check else ''}"
        )


def logs(world: World, command: str | None = None) -> None:
    """Show the log of a deploy, by default of the last.

    Raises:
        DeployError: there was no deploy.
    """
    if command is None:
        last = next(history(world, instance(world)), None)
        if last is None:
            raise DeployError("SSM remembers no deploy to this instance.")
        command = last.command
    for line in log(world, command):
        world.say(line)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in (
        ("deploy", "bring a release to the instance"),
        ("has-image", "exit with 0 if the registry has the image of a release"),
        ("image", "print the whole name of the image of a release"),
    ):
        verbs.add_parser(verb, help=text).add_argument("release")
    verbs.add_parser("rollback", help="go back to what ran before").add_argument("--to", dest="release")
    verbs.add_parser("status", help="show what runs, and the last deploys")
    verbs.add_parser("logs", help="show the log of a deploy").add_argument("command", nargs="?")
    fetched = verbs.add_parser("weights", help="bring what lies at an address of S3 into a folder")
    for name, shown in (("release", "ADDRESS"), ("command", "FOLDER")):
        fetched.add_argument(name, metavar=shown)
    verbs.add_parser("login", help="log Docker in to the registry")
    given = parser.parse_args(arguments)
    try:
        world = aws(read_settings(Path(__file__).resolve().parent))
        return run(world, given.verb, getattr(given, "release", None), getattr(given, "command", None))
    except DeployError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def run(
    world: World, verb: str, release: str | None = None, command: str | None = None, *, check: bool = False
) -> int:
    """Carry out one verb; the exit code.

    Raises:
        DeployError: it failed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    acts: Mapping[str, Callable[[], object]] = {
        "has-image": lambda: has_image(world, str(release)),
        "image": lambda: world.say(image(world, str(release))),
        "login": lambda: login(world, Path.home() / ".docker"),
        "deploy": lambda: deploy(world, str(release), check=check),
        "rollback": lambda: rollback(world, release),
        "status": lambda: status(world),
        "logs": lambda: logs(world, command),
        "weights": lambda: weights(world, str(release), Path(str(command))),  # an address and a folder
    }
    try:
        return 1 if acts[verb]() is False else 0
    except (BotoCoreError, ClientError) as error:
        raise DeployError(f"AWS refused or could not be reached: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
