"""An account that is moto's, and the programs of this folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

FOLDER = Path(__file__).resolve().parents[1]
sys.path[:0] = [
    str(FOLDER),
    str(FOLDER / "etl"),
    str(FOLDER / "steps"),
    str(FOLDER / "steps/processing"),
    str(FOLDER / "steps/evaluation"),
    str(FOLDER / "steps/registration"),
]

import definition  # noqa: E402


@pytest.fixture(scope="session")
def given() -> dict[str, Any]:
    """What settings.json says."""
    return definition.settings(FOLDER)


@pytest.fixture(scope="session")
def account(given: dict[str, Any]) -> Iterator[None]:
    """The platform's bucket behind a server of moto, which the steps find as they find AWS."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", given["region"])
        s3 = boto3.client("s3")
        s3.create_bucket(
            Bucket=given["bucket"],
            CreateBucketConfiguration={"LocationConstraint": given["region"]},
        )
        s3.put_bucket_versioning(
            Bucket=given["bucket"], VersioningConfiguration={"Status": "Enabled"}
        )
        yield
    server.stop()
