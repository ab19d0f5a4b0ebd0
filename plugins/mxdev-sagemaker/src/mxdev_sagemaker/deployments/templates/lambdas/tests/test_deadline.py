"""The deadline, on moto: a queue that the topic feeds says what people would read."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

HANDLER = Path(__file__).parents[1] / "deadline/handler.py"
REGION = "eu-central-1"
BUCKET = "acme-ml-platform-123456789012"
EVENT = {
    "model": "churn",
    "version": "3",
    "output": f"s3://{BUCKET}/batch/churn/3",
    "timezone": "Europe/Prague",
    "done_by": "00:30",
    "log_group": "/acme-ml-deployed/batch/churn-3",
    # In Prague it is the first of July already.
    "scheduled": "2026-06-30T22:30:00Z",
}


@cache
def client(service: str) -> Any:
    """A client of AWS; once for all tests, because the first of each service takes a second."""
    return boto3.client(service)


@cache
def loaded() -> ModuleType:
    """The handler."""
    spec = importlib.util.spec_from_file_location("deadline_handler", HANDLER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def deadline(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The function, with a bucket, a topic, and a queue of what the topic was told."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        place = {"LocationConstraint": REGION}
        client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        topic = client("sns").create_topic(Name="alarms")["TopicArn"]
        client("sqs").create_queue(QueueName="told")
        client("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:told"
        )
        monkeypatch.setenv("TOPIC", topic)
        yield loaded()


def told() -> list[str]:
    """What the topic was told."""
    url = client("sqs").get_queue_url(QueueName="told")["QueueUrl"]
    return [
        json.loads(one["Body"])["Message"]
        for one in client("sqs").receive_message(QueueUrl=url).get("Messages", [])
    ]


def write(name: str) -> None:
    """Write an object of the batch."""
    client("s3").put_object(Bucket=BUCKET, Key=f"batch/churn/3/{name}", Body=b"")


def test_a_batch_that_is_done_is_not_told(deadline: ModuleType) -> None:
    write("2026-07-01/_SUCCESS")
    assert deadline.handler(EVENT)["done"]
    assert told() == []


def test_a_batch_that_is_late_is_told_with_what_it_has_done(deadline: ModuleType) -> None:
    write("2026-06-30/_SUCCESS")
    write("2026-07-01/part-0.json")
    assert not deadline.handler(EVENT)["done"]
    (message,) = told()
    assert "The batch churn 3 is not done at 00:30 (Europe/Prague)." in message
    assert f"1 objects to s3://{BUCKET}/batch/churn/3/2026-07-01;" in message


def test_no_answer_is_not_taken_for_late(
    deadline: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 is a double here that refuses: moto never does."""

    class Refusing:
        def head_object(self, **_: str) -> None:
            raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")

    monkeypatch.setattr(deadline, "client", lambda _: Refusing())
    with pytest.raises(ClientError, match="403"):
        deadline.handler(EVENT)
    assert told() == []


def test_a_time_zone_that_is_none_is_an_error(deadline: ModuleType) -> None:
    with pytest.raises(ValueError, match="no time zone 'Europe/Atlantis'"):
        deadline.handler({**EVENT, "timezone": "Europe/Atlantis"})
