"""What the tests of training share: a rendered pipeline, and interpreters with what it requires, made once and kept."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mxdev.testing import interpreter, render, write

import mxdev_sagemaker

PIPELINE = Path(mxdev_sagemaker.__file__).parent / "training/templates/pipelines/{{ name }}"
NAME = "churn"
REGION = "eu-central-1"


def rendered(folder: Path, **options: object) -> Path:
    """Render the generator into `folder`; the folder of the pipeline in it."""
    from mxdev_sagemaker.training.generator import TrainingPipeline

    write(render(TrainingPipeline, **{"name": NAME, **options}), folder)
    return folder / "pipelines" / str(options.get("name", NAME))


def training() -> Path:
    """An interpreter with what the steps and their tests require."""
    return interpreter("sagemaker-training", PIPELINE / "requirements-dev.txt")


def airflow() -> Path:
    """An interpreter with Airflow."""
    return interpreter("sagemaker-airflow", PIPELINE / "etl/requirements.txt")


@contextmanager
def server() -> Iterator[dict[str, str]]:
    """A server of moto; the environment in which programs find it instead of AWS."""
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }
    running.stop()


@functools.cache
def client(service: str) -> Any:
    """A client of the account inside of `mock_aws`, which a server of moto shares; once for all tests, because making one takes a second."""
    import boto3

    return boto3.Session("test", "test", region_name=REGION).client(service)


def bucket(name: str, *, versions: bool = True) -> None:
    """Make a bucket in the account."""
    s3 = client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    if versions:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
