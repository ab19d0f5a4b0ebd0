"""Models from a queue, on moto's SQS and S3. Lambda's part, which takes messages and gives back what failed, is played by a double, `deliver`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sagemaker_service import asked, image

__all__ = ["image"]
RESULTS = "async/results/double/1/"


class Aws:
    """A versioned bucket, a queue, and its queue of dead letters, where a message goes after two failures."""

    def __init__(self) -> None:
        import boto3

        self.s3, self.sqs = boto3.client("s3"), boto3.client("sqs")
        self.s3.create_bucket(Bucket="acme")
        self.s3.put_bucket_versioning(Bucket="acme", VersioningConfiguration={"Status": "Enabled"})
        self.dead = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
        self.queue = self.sqs.create_queue(
            QueueName="queue", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "0"}
        )["QueueUrl"]

    def send(self, *bodies: Any) -> None:
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            self.sqs.send_message(QueueUrl=self.queue, MessageBody=text)

    def received(self, queue: str) -> list[dict[str, Any]]:
        return list(self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ()))

    def deliver(self, handler: Any) -> int:
        """Do as Lambda does with ReportBatchItemFailures, until the queue is empty; how many events there were."""
        events = 0
        while messages := self.received(self.queue):
            events += 1
            records = [
                {"messageId": one["MessageId"], "body": one["Body"], "eventSource": "aws:sqs"}
                for one in messages
            ]
            failed = {one["itemIdentifier"] for one in handler({"Records": records})["batchItemFailures"]}
            assert failed <= {one["MessageId"] for one in messages}
            for one in messages:
                if one["MessageId"] not in failed:
                    self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
        return events

    def written(self) -> dict[str, list[Any]]:
        """Under each name below RESULTS, all versions that were ever written."""
        found: dict[str, list[Any]] = {}
        for one in self.s3.list_object_versions(Bucket="acme", Prefix=RESULTS).get("Versions", ()):
            where = {"Bucket": "acme", "Key": one["Key"], "VersionId": one["VersionId"]}
            body = json.loads(self.s3.get_object(**where)["Body"].read())
            found.setdefault(one["Key"].removeprefix(RESULTS), []).append(body)
        return found


@pytest.fixture
def aws(image: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    from moto import mock_aws

    monkeypatch.setenv("RESULTS", "s3://acme/async/results/double/1")
    with mock_aws():
        from serving import queued

        queued.model.cache_clear()
        queued.s3.cache_clear()
        yield Aws()


def message(identity: str, *numbers: Any) -> dict[str, Any]:
    return {"id": identity, "instances": [{"x": number} for number in numbers]}


def test_messages_are_answered(aws: Aws) -> None:
    from serving.queued import handler

    aws.send(*(message(f"m{number}", number, number + 1) for number in range(12)))
    assert aws.deliver(handler) == 2
    assert aws.written() == {
        f"m{n}.json": [{"id": f"m{n}", "model": "double", "version": "1", "predictions": [2 * n, 2 * n + 2]}] for n in range(12)
    }  # fmt: skip


def test_what_fails_becomes_a_dead_letter_and_the_others_are_done(aws: Aws, image: Path) -> None:
    from serving.queued import handler

    aws.send(
        message("good", 1),
        message("poison", 13),
        message("wrong", "one"),
        message("nan", 5, 14),
        "no json",
        message("../up", 5),
        message("fine", 2),
    )
    aws.deliver(handler)
    # What became of 14 was no answer, each of the times that it was asked.
    assert sorted(number for number in asked(image) if number not in (5, 14)) == [1, 2]
    written = aws.written()
    assert {name for name in written if not name.endswith(".error.json")} == {"good.json", "fine.json"}
    assert written["wrong.error.json"][0]["detail"] == [
        {"field": "instances[0].x", "problem": "is a string: give a number"}
    ]
    assert written["nan.error.json"][0]["detail"][0]["field"] == "predictions[1]"
    assert "the model's answer is no JSON" in written["nan.error.json"][0]["detail"][0]["problem"]
    told = sorted(
        body[0]["detail"][0]["field"] for name, body in written.items() if name.endswith(".error.json")
    )
    assert told == ["body", "id", "instances[0].x", "predictions[1]"]
    assert all(len(versions) == 1 for versions in written.values())
    dead = sorted(one["Body"] for one in aws.received(aws.dead))
    assert dead == sorted(
        [
            "no json",
            *map(
                json.dumps,
                (message("poison", 13), message("wrong", "one"), message("nan", 5, 14), message("../up", 5)),
            ),
        ]
    )


def test_a_message_that_comes_twice_is_answered_once(aws: Aws, image: Path) -> None:
    from serving.queued import handler

    aws.send(message("m", 3))
    aws.deliver(handler)
    aws.send(message("m", 3), message("m", 4))
    aws.deliver(handler)
    assert asked(image) == [3]
    assert [one["predictions"] for one in aws.written()["m.json"]] == [[6]]


def test_two_at_once_write_one_answer(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    from serving import queued

    real = queued.checked

    def slow(*arguments: Any) -> Any:
        monkeypatch.setattr(queued, "checked", real)
        # While this one computes, the same message is answered elsewhere.
        assert queued.handler({"Records": [{"messageId": "2", "body": json.dumps(message("m", 4))}]}) == {
            "batchItemFailures": []
        }
        return real(*arguments)

    monkeypatch.setattr(queued, "checked", slow)
    assert queued.handler({"Records": [{"messageId": "1", "body": json.dumps(message("m", 4))}]}) == {
        "batchItemFailures": []
    }
    assert [one["predictions"] for one in aws.written()["m.json"]] == [[8]]
