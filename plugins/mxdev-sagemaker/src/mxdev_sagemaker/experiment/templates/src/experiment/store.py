"""The experiment's bucket by mxdev-saver: every version stays, so that what a run read can be read again months later.

`data` and `models` are short for tables and models; `store()` itself takes any file, finds by metadata, and restores old versions.
"""

from __future__ import annotations

from functools import cache

import boto3
from mxdev_saver import Saver, Version

from experiment.settings import BUCKET, REGION


@cache
def store() -> Saver:
    """The store; one for the whole process."""
    return Saver(BUCKET, prefix="", client=boto3.client("s3", region_name=REGION))


def where(version: Version) -> str:
    """A version, exactly, as one line: what a tracked run names it by."""
    return f"s3://{BUCKET}/{version.filename}?versionId={version.id}"
