"""Files in S3 and on this disk under one name: `s3://BUCKET/KEY` or a path."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev.errors import MxError, UsageProblem

from mxdev_shipyard.onboarding import aws


@dataclass(frozen=True)
class Address:
    """An object of S3, or a prefix without a slash at its end."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def __truediv__(self, name: str) -> Address:
        return Address(self.bucket, f"{self.key}/{name}")


def address(text: str) -> Address:
    """The address that a text is.

    Raises:
        UsageProblem: it is none.
    """
    found = re.fullmatch(r"s3://([^/]+)/(.+?)/?", text)
    if found is None:
        raise UsageProblem(f"{text} is no address in S3.", hint="It is s3://BUCKET/KEY.")
    return Address(found[1], found[2])


def fetched(source: str, target: Path, region: str) -> Path:
    """A file on this disk: `source` itself, or what lies there in S3, as `target`.

    Raises:
        MxError: it is not there.
    """
    if not source.startswith("s3://"):
        if not Path(source).is_file():
            raise UsageProblem(f"There is no file {source}.")
        return Path(source)
    place = address(source)
    data = read(place, region)
    if data is None:
        raise MxError(f"There is nothing at {place}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return target


def read(place: Address, region: str) -> bytes | None:
    """An object's bytes; None if there is none.

    Raises:
        MxError: AWS cannot be asked.
    """
    with aws.told():
        s3 = aws.client("s3", region)
        try:
            return bytes(s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read())
        except s3.exceptions.NoSuchKey:
            return None


def write(place: Address, data: bytes, region: str) -> None:
    """Put an object there."""
    with aws.told():
        aws.client("s3", region).put_object(Bucket=place.bucket, Key=place.key, Body=data)


def below(place: Address, region: str) -> dict[str, Any]:
    """The objects below an address, by what is left of their keys."""
    with aws.told():
        pages = aws.client("s3", region).get_paginator("list_objects_v2")
        prefix = f"{place.key}/"
        found = pages.paginate(Bucket=place.bucket, Prefix=prefix)
        return {
            one["Key"].removeprefix(prefix): one
            for page in found
            for one in page.get("Contents", ())
            if one["Key"] != prefix
        }


def digest(data: bytes) -> str:
    """What tells files apart: SHA-256, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
