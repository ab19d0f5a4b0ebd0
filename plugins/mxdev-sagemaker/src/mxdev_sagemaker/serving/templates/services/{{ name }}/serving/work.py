"""Shards in a bucket that several workers and tasks share: each is claimed for a while, and its answers are written once.

A claim is an object beside the answers that says until when it holds. The worker that has it renews it; after a worker that was killed it runs
out, and somebody else takes the shard. Whatever happens, answers that are there are never written over.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

SUCCESS = "_SUCCESS"
_CLAIMS = "_claims/"
_LOST = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")


@dataclass(frozen=True)
class Place:
    """The objects of a bucket whose keys begin with `prefix`, which is empty or ends in `/`."""

    bucket: str
    prefix: str

    def key(self, name: str) -> dict[str, str]:
        """How S3 names an object here."""
        return {"Bucket": self.bucket, "Key": self.prefix + name}

    def shards(self, s3: Any) -> dict[str, int]:
        """Names and sizes of the `.jsonl` files here."""
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        found = (one for page in pages for one in page.get("Contents", ()))
        return {
            one["Key"][len(self.prefix) :]: one["Size"]
            for one in found
            if one["Key"].endswith(".jsonl")
        }


def place(url: str) -> Place:
    """Where `s3://BUCKET/PREFIX` is.

    Raises:
        ValueError: it is no such thing.
    """
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket:
        raise ValueError(f"{url or 'nothing'} is no s3://BUCKET/PREFIX")
    return Place(bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else "")


def write_once(s3: Any, target: Place, name: str, body: bytes) -> bool:
    """Write an object, unless it is there; whether it was written."""
    return _written(s3, {**target.key(name), "Body": body, "IfNoneMatch": "*"}) is not None


@contextmanager
def claimed(s3: Any, target: Place, name: str, seconds: float) -> Iterator[bool]:
    """Hold a shard while the block runs; False if somebody else holds it.

    Args:
        seconds: how long a claim outlives whoever has it.
    """
    tag = _claim(s3, target, name, seconds)
    if tag is None:
        yield False
        return
    over = threading.Event()

    def renew() -> None:
        held: str | None = tag
        while held is not None and not over.wait(seconds / 3):
            held = _written(s3, {**_until(target, name, seconds), "IfMatch": held})

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield True
    finally:
        over.set()
        thread.join()
        s3.delete_object(**target.key(f"{_CLAIMS}{name}"))


def _claim(s3: Any, target: Place, name: str, seconds: float) -> str | None:
    tag = _written(s3, {**_until(target, name, seconds), "IfNoneMatch": "*"})
    if tag is not None:
        return tag
    try:
        there = s3.get_object(**target.key(f"{_CLAIMS}{name}"))
    except s3.exceptions.NoSuchKey:  # given back in this moment
        return None
    if datetime.fromisoformat(json.loads(there["Body"].read())["until"]) > datetime.now(UTC):
        return None
    return _written(s3, {**_until(target, name, seconds), "IfMatch": there["ETag"]})


def _until(target: Place, name: str, seconds: float) -> dict[str, Any]:
    until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    return {**target.key(f"{_CLAIMS}{name}"), "Body": json.dumps({"until": until}).encode()}


def _written(s3: Any, request: dict[str, Any]) -> str | None:
    """The tag of what was written; None if the condition did not hold."""
    try:
        return str(s3.put_object(**request)["ETag"])
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in _LOST:
            return None
        raise


@dataclass
class Pace:
    """How fast it goes, and when it will be done.

    Attributes:
        started: when.
        total: what there was to do, in bytes.
        done: what is done of it, or in the hands of others.
    """

    started: datetime
    total: int
    done: int = 0

    def end(self, now: datetime) -> datetime | None:
        """When it will be done if it goes on like this; None while nothing is done."""
        if not self.done:
            return None
        return now + (now - self.started) * ((self.total - self.done) / self.done)
