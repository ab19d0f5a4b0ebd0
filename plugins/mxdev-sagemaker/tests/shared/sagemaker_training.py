"""What the tests of training share: a rendered pipeline, and interpreters with what it requires, made once and kept."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from mxdev.testing import render, write
from platformdirs import user_cache_path

import mxdev_sagemaker

PIPELINE = Path(mxdev_sagemaker.__file__).parent / "training/templates/pipelines/{{ name }}"
NAME = "churn"
REGION = "eu-central-1"
CACHE = user_cache_path("mx-devtool-tests")


def rendered(folder: Path, **options: object) -> Path:
    """Render the generator into `folder`; the folder of the pipeline in it."""
    from mxdev_sagemaker.training.generator import TrainingPipeline

    write(render(TrainingPipeline, **{"name": NAME, **options}), folder)
    return folder / "pipelines" / str(options.get("name", NAME))


@functools.cache
def interpreter(kind: str, requirements: Path) -> Path:
    """An interpreter with pinned packages; in the user's cache folder."""
    key = hashlib.sha256(sys.version.encode() + requirements.read_bytes()).hexdigest()[:16]
    folder = CACHE / f"sagemaker-{kind}-{key}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = folder / "bin/python"
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    with FileLock(f"{folder}.lock"):
        if not (folder / "complete").exists():
            if uv is None:
                pytest.skip("uv is not installed: `pip install uv`")
            subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, folder], check=True)
            subprocess.run([uv, "pip", "install", "-q", "--python", made, "-r", requirements], check=True)
            (folder / "complete").touch()
    return made


def training() -> Path:
    """An interpreter with what the steps and their tests require."""
    return interpreter("training", PIPELINE / "requirements-dev.txt")


def airflow() -> Path:
    """An interpreter with Airflow."""
    return interpreter("airflow", PIPELINE / "etl/requirements.txt")


def noted(folder: Path, what: Sequence[object], run: Callable[[], str]) -> str:
    """What `run` gives, once for the same files in `folder` and the same `what`; MX_TEST_ALL runs it in any case."""
    digest = hashlib.sha256(repr([str(one) for one in what]).encode())
    for path in sorted(folder.rglob("*")):
        own = path.relative_to(folder).parts
        if path.is_file() and "__pycache__" not in own and ".pytest_cache" not in own:
            digest.update(repr(own).encode() + path.read_bytes())
    note = CACHE / "noted" / f"sagemaker-{digest.hexdigest()}"
    if note.exists() and not os.environ.get("MX_TEST_ALL"):
        return note.read_text("utf-8")
    said = run()
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(said, "utf-8")
    return said


def run(
    *command: str | Path, cwd: Path, env: dict[str, str] | None = None, code: int = 0, seconds: int = 300
) -> str:
    """What a program prints; it must end with `code`."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


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
