"""A versioned bucket of moto, for the tests of what stores and reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

BUCKET = "acme-experiments"


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """boto3's client of a moto in this process, with one versioned bucket."""
    import boto3
    from moto import mock_aws

    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "of-the-tests")
        with mock_aws():
            client = boto3.client("s3", region_name="us-east-1")
            client.create_bucket(Bucket=BUCKET)
            client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
            yield client
