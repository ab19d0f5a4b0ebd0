"""What MLflow's image has, as an environment of this machine: MLflow, and clients of PostgreSQL and of S3; and an S3."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from cluster.programs import free_port, http_ok
from ml_environment import made

REQUIREMENTS = (
    "mlflow==3.17.2",
    "psycopg2-binary>=2.9,<3",
    "boto3>=1.40,<2",
    "moto[server]>=5.2,<6",
)
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


def python() -> Path:
    """The interpreter."""
    return made("mlflow-server", REQUIREMENTS)


@contextlib.contextmanager
def s3(folder: Path, bucket: str) -> Iterator[str]:
    """An S3 that is not Amazon's (moto's), with one bucket; its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with (folder / "s3.log").open("wb") as log:
        server = subprocess.Popen(
            [python(), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log
        )
    try:
        while not http_ok(f"{address}/moto-api/data.json"):
            assert server.poll() is None, (folder / "s3.log").read_text()
        script = (
            f"import boto3; boto3.client('s3', endpoint_url={address!r}).create_bucket(Bucket={bucket!r})"
        )
        subprocess.run([python(), "-c", script], env={**os.environ, **KEYS}, check=True)
        yield address
    finally:
        server.terminate()
        server.wait()
