"""Models from a queue: a Lambda function that SQS starts with messages, each answered once.

A message is `{"id": "…", "instances": [...]}`, and its answer is RESULTS/ID.json, where RESULTS is `s3://BUCKET/PREFIX`. Lambda may be given
a message twice: what has its answer is not computed again, and two that run at once write one answer. What fails is reported to SQS alone,
which gives it again and in the end to the queue of dead letters; the others of its batch are done.
"""

from __future__ import annotations

import json
import logging
import os
import re
from functools import cache
from typing import Any

from serving.batching import checked
from serving.inputs import InvalidInput, Named
from serving.models import Model, deployed

log = logging.getLogger("serving")
log.setLevel(logging.INFO)
MAX_ROWS = 1000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@cache
def model() -> Model:
    """The model; it is loaded once, and stays while the function is warm."""
    found = deployed()
    if len(found) != 1:
        raise ValueError(f"a function has one model, and {len(found)} are named")
    return found[0]


@cache
def s3() -> Any:
    """The client of S3."""
    import boto3

    return boto3.client("s3")


def handler(event: dict[str, Any], context: object = None) -> dict[str, Any]:
    """Answer the messages of an event; tell SQS which of them failed."""
    failed = []
    for record in event["Records"]:
        try:
            log.info("%s: %s", record["messageId"], answer(record))
        except Named as error:
            log.error("%s cannot be answered: %s", record["messageId"], error)
            failed.append({"itemIdentifier": record["messageId"]})
        except Exception:
            log.exception("%s failed", record["messageId"])
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def answer(record: dict[str, Any]) -> str:
    """Answer one message; what was done.

    Raises:
        InvalidInput: the message is none; what is wrong with it lies in ID.error.json, where the answer would be.
        NoAnswer: the model's answer is no JSON, such as NaN; likewise.
    """
    served = model()
    identity = str(record["messageId"])
    try:
        said = _said(record["body"])
        identity = str(said.get("id", identity))
        if not _ID.fullmatch(identity):
            identity = str(record["messageId"])
            raise _wrong("id", "give letters, digits, dots and dashes, at most 100")
        if _there(_key(f"{identity}.json")):
            return f"{identity} has its answer already"
        rows = served.wrapper.inputs.check(said.get("instances"), MAX_ROWS)
        answers = checked(served.wrapper.transform, rows)
    except Named as error:
        _write(_key(f"{identity}.error.json"), {"id": identity, "detail": error.problems})
        raise
    result = {
        "id": identity,
        "model": served.name,
        "version": served.version,
        "predictions": answers,
    }
    if not _write(_key(f"{identity}.json"), result):
        return f"{identity} was answered by another in the meantime"
    return f"{identity} is answered"


def _said(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError as error:
        raise _wrong("body", f"is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise _wrong("body", 'give an object, {"id": "...", "instances": [...]}')
    return said


def _wrong(field: str, problem: str) -> InvalidInput:
    return InvalidInput([{"field": field, "problem": problem}])


def _key(name: str) -> tuple[str, str]:
    bucket, _, prefix = os.environ["RESULTS"].removeprefix("s3://").partition("/")
    return bucket, "/".join(filter(None, [prefix.strip("/"), name]))


def _there(key: tuple[str, str]) -> bool:
    try:
        s3().head_object(Bucket=key[0], Key=key[1])
    except s3().exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("404", "403", "NoSuchKey"):
            # S3 says 403 to whoever may not list; what is there is not written over in any case.
            return False
        raise
    return True


def _write(key: tuple[str, str], value: dict[str, Any]) -> bool:
    """Write what is not there yet; False if somebody was faster."""
    try:
        s3().put_object(
            Bucket=key[0],
            Key=key[1],
            Body=json.dumps(value).encode(),
            ContentType="application/json",
            IfNoneMatch="*",
        )
    except s3().exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
            return False
        raise
    return True
