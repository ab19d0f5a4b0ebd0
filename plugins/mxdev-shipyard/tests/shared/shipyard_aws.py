"""AWS as moto's server plays it, for the tests that need no GitLab: a bucket, a registry, settings, and weights that run."""

from __future__ import annotations

import contextlib
import io
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from mxdev.errors import MxError

from mxdev_shipyard.onboarding import aws

REGION, BUCKET, REPOSITORY = "eu-west-1", "shipyard-models", "deploy-iris-model"


@contextmanager
def account() -> Iterator[None]:
    """An empty account but for the bucket and the registry, in this process and those it starts."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    server_reset(server)  # moto keeps what earlier tests of this process left
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            patch.setenv(name, value)
        place = {"LocationConstraint": REGION}
        s3().create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        aws.client("ecr", REGION).create_repository(
            repositoryName=REPOSITORY, tags=[{"Key": aws.OWNER, "Value": "ada@acme.example"}]
        )
        yield
        server_reset(server)
    server.stop()


@dataclass(frozen=True)
class Told:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


def mx(*arguments: str, cwd: Path) -> Told:
    """A command of the plugin in this process, because starting mx and boto3 takes longer than what most commands do."""
    from mxdev_shipyard.experiment.command import experiment
    from mxdev_shipyard.feedback.command import feedback

    command = {"experiment": experiment, "feedback": feedback}[arguments[0]]
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        try:
            code = int(command.main(list(arguments[1:]), standalone_mode=False))
        except MxError as error:
            code = error.code
            err.write(f"{error.message} {error.hint or ''}")
    return Told(code, out.getvalue(), err.getvalue())


def server_reset(server: Any) -> None:
    """Moto keeps its accounts in the process: the next server would have this one's."""
    import urllib.request

    host, port = server.get_host_and_port()
    request = urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST")
    urllib.request.urlopen(request).close()


def s3() -> Any:
    return aws.client("s3", REGION)


def put(key: str, data: str | bytes) -> str:
    s3().put_object(Bucket=BUCKET, Key=f"{REPOSITORY}/{key}", Body=data)
    return f"s3://{BUCKET}/{REPOSITORY}/{key}"


def keys(prefix: str) -> list[str]:
    found = s3().list_objects_v2(Bucket=BUCKET, Prefix=f"{REPOSITORY}/{prefix}").get("Contents", ())
    return [one["Key"].removeprefix(f"{REPOSITORY}/") for one in found]


def get(key: str) -> bytes:
    return bytes(s3().get_object(Bucket=BUCKET, Key=f"{REPOSITORY}/{key}")["Body"].read())


def settings(folder: Path, weights: str = "") -> Path:
    """`shipyard.yaml` in `folder`; in production these weights run, or nothing yet."""
    from mxdev_shipyard.onboarding.manifest import manifest
    from mxdev_shipyard.onboarding.settings import read
    from mxdev_shipyard.onboarding.values import Boarding
    from mxdev_shipyard.promotion.manifest import Release

    manifests = folder.parent / f"{folder.name}-manifests"
    path = folder / "shipyard.yaml"
    path.write_text(
        yaml.safe_dump({
            "region": REGION, "bucket": BUCKET, "registry": "r.example", "gitlab": "https://gitlab.example.com",
            "group": "shipyard/models", "pipelines": "shipyard/pipelines", "environments": {"production": str(manifests)}, "policy": {},
        })
    )  # fmt: skip
    if not manifests.exists():
        subprocess.run(["git", "init", "-q", "-b", "main", manifests], check=True)
    fields = ("Iris", "iris", "Which?", "https://w.example.com", "https://j.example.com", "ada@acme.example")
    text = manifest(read(path), Boarding(*fields), "production")
    if weights:
        text = Release("1.0.0", weights).put_into(text, "r.example", REPOSITORY)
    (manifests / "iris").mkdir(exist_ok=True)
    (manifests / "iris/inferenceservice.yaml").write_text(text)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["add", "-A"], ["commit", "-q", "--allow-empty", "-m", "iris is 1.0.0"]):
        subprocess.run([*git, *command], cwd=manifests, check=True)
    return path


def flowers(shift: float = 0.0) -> str:
    """A data set of three kinds, far apart."""
    kinds = {
        "setosa": [5.0, 3.4, 1.5, 0.2],
        "versicolor": [5.9, 2.8, 4.3, 1.3],
        "virginica": [6.6, 3.0, 5.6, 2.0],
    }
    rows = [
        [*(f"{one + shift + at / 50:.2f}" for one in measures), kind]
        for kind, measures in kinds.items()
        for at in range(10)
    ]
    lines = [["sl", "sw", "pl", "pw", "label"], *rows]
    return "".join(",".join(row) + "\n" for row in lines)
