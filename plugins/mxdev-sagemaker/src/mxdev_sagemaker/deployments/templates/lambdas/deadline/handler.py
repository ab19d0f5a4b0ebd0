"""Look whether a batch is done when it has to be, and tell the topic of alarms if it is not.

It is started at the deadline. A job that is done has written OUTPUT/YYYY-MM-DD/_SUCCESS, of the day in the deployment's time zone.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError
from dateutil import tz


@cache
def client(service: str) -> Any:
    """A client of AWS."""
    return boto3.client(service)


def handler(event: dict[str, Any], context: object = None) -> dict[str, Any]:
    """Look at the batch that the event names; whether it is done.

    Raises:
        ValueError: the event names no time zone that is known.
        ClientError: AWS refused a call, which is no answer: Lambda tries again.
    """
    bucket, prefix = place(event["output"])
    folder = f"{prefix}/{day(event['scheduled'], event['timezone'])}"
    done = exists(bucket, f"{folder}/_SUCCESS")
    result = {"model": event["model"], "version": event["version"], "folder": folder, "done": done}
    print(json.dumps(result))
    if not done:
        tell(event, f"s3://{bucket}/{folder}", objects(bucket, f"{folder}/"))
    return result


def place(url: str) -> tuple[str, str]:
    """Bucket and prefix of s3://BUCKET/PREFIX."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    return bucket, prefix.rstrip("/")


def day(scheduled: str, timezone: str) -> str:
    """The day of a time of Scheduler, such as 2026-01-31T05:00:00Z, in a time zone.

    Raises:
        ValueError: there is no such time zone.
    """
    zone = tz.gettz(timezone)
    if zone is None:
        raise ValueError(f"there is no time zone {timezone!r}")
    return datetime.fromisoformat(scheduled).astimezone(zone).date().isoformat()


def exists(bucket: str, key: str) -> bool:
    """Whether there is such an object."""
    try:
        client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return False
        raise
    return True


def objects(bucket: str, prefix: str) -> int:
    """How many objects there are, 1000 at most."""
    return int(client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"])


def tell(event: dict[str, Any], folder: str, written: int) -> None:
    """Tell the topic."""
    name = f"{event['model']} {event['version']}"
    wrote = "1000 objects or more" if written == 1000 else f"{written} objects"
    client("sns").publish(
        TopicArn=os.environ["TOPIC"],
        Subject=f"Late: batch {name}"[:100],
        Message=f"The batch {name} is not done at {event['done_by']} ({event['timezone']}).\n"
        f"It has written {wrote} to {folder}; _SUCCESS is missing.\n"
        f"Its log: {event['log_group']}. Started again, it does what is left.",
    )
