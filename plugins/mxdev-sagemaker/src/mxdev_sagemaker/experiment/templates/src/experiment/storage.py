"""Objects of the experiment's bucket, each with its version: what a run read can be read again months later."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import boto3

from experiment.settings import BUCKET, REGION


class StorageError(Exception):
    """What is wrong with the bucket or with an object of it."""


@dataclass(frozen=True)
class Stored:
    """An object, exactly.

    Attributes:
        key: its name in the bucket.
        version: of that name.
        sha256: of its bytes.
    """

    key: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"s3://{BUCKET}/{self.key}?versionId={self.version}"


def put(key: str, body: bytes) -> Stored:
    """Store bytes as the newest version of `key`.

    Raises:
        StorageError: the bucket keeps no versions, so that the run could not be repeated.
    """
    digest = hashlib.sha256(body).hexdigest()
    made = _s3().put_object(Bucket=BUCKET, Key=key, Body=body, Metadata={"sha256": digest})
    if "VersionId" not in made:
        raise StorageError(f"The bucket {BUCKET} keeps no versions: ask the platform's owners.")
    return Stored(key, made["VersionId"], digest)


def get(key: str, version: str | None = None) -> tuple[bytes, Stored]:
    """The bytes of an object, of its newest version by default, and which version that is.

    Raises:
        StorageError: the bytes are not those that were stored.
    """
    asked = {"VersionId": version} if version else {}
    found = _s3().get_object(Bucket=BUCKET, Key=key, **asked)
    body = found["Body"].read()
    digest = hashlib.sha256(body).hexdigest()
    if found["Metadata"].get("sha256", digest) != digest:
        raise StorageError(f"s3://{BUCKET}/{key} is not what was stored: its hash is {digest}.")
    return body, Stored(key, found["VersionId"], digest)


def _s3() -> Any:
    return boto3.client("s3", region_name=REGION)
