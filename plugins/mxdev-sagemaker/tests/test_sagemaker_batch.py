"""The batch, as processes on a moto server: killed midway and started again, it does no shard twice; and it says early that it will be late."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sagemaker_service import asked, image

__all__ = ["image"]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(image: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A versioned bucket of its own, named in the environment as place of shards and answers."""
    import boto3

    bucket = image.name.replace("_", "-")[:60]
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint, "INPUT": f"s3://{bucket}/in", "OUTPUT": f"s3://{bucket}/out/", "FINISH_BY": "23:59",
        "WORKERS": "2", "BUCKET": bucket,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return client


def fill(s3: Any, shards: int, rows: int) -> None:
    for shard in range(shards):
        body = "".join(json.dumps({"x": 1000 * (shard + 1) + row}) + "\n" for row in range(rows))
        s3.put_object(Bucket=os.environ["BUCKET"], Key=f"in/day/{shard:03}.jsonl", Body=body.encode())


def written(s3: Any) -> Counter[str]:
    """How often the answers of each shard were written."""
    found = s3.list_object_versions(Bucket=os.environ["BUCKET"], Prefix="out/").get("Versions", ())
    return Counter(one["Key"].removeprefix("out/") for one in found)


def start(**more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "serving.batch"], env={**os.environ, **more}, stderr=subprocess.PIPE, text=True, start_new_session=True
    )  # fmt: skip


def test_killed_midway_and_restarted_no_shard_is_done_twice(s3: Any, image: Path) -> None:
    import boto3

    fill(s3, shards=80, rows=3)
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name="late")["TopicArn"]
    queue = sqs.create_queue(QueueName="mails")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=sqs.get_queue_attributes(
        QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])  # fmt: skip
    # Two workers need 80 seconds, and have 60 at most.
    soon = f"{datetime.now(UTC) + timedelta(minutes=1):%H:%M}"
    first = start(DELAY="2", FINISH_BY=soon, NOTIFY=topic)
    try:
        until = time.monotonic() + 60
        while len(written(s3)) < 3:
            assert first.poll() is None, first.communicate()[1]
            assert time.monotonic() < until
            time.sleep(0.1)
        os.kill(first.pid, signal.SIGKILL)
        told = first.communicate(timeout=30)[1]
    finally:
        if first.poll() is None:
            first.kill()
    # The workers end with it, in a second or what their shard takes: nobody writes any more.
    time.sleep(3)
    before, done = asked(image), set(written(s3))
    assert 3 <= len(done) < 12
    assert "will be done at" in told
    assert "bytes are left; give it more WORKERS" in told
    mails = sqs.receive_message(QueueUrl=queue).get("Messages", ())
    assert ["will be done at" in json.loads(mail["Body"])["Message"] for mail in mails] == [True]

    second = start()
    told = second.communicate(timeout=120)[1]
    assert second.returncode == 0, told
    assert f"{80 - len(done)} shards to do, {len(done)} were done before" in told
    assert written(s3) == Counter({f"day/{shard:03}.jsonl": 1 for shard in range(80)})
    answers = [
        json.loads(line)
        for shard in range(80)
        for line in s3.get_object(Bucket=os.environ["BUCKET"], Key=f"out/day/{shard:03}.jsonl")[
            "Body"
        ].iter_lines()
    ]
    assert answers == [2 * (1000 * (shard + 1) + row) for shard in range(80) for row in range(3)]
    # What was done before the kill was not transformed again; what was under way, at most one shard a worker, was.
    finished = {number for number in before if f"day/{number // 1000 - 1:03}.jsonl" in done}
    assert len(finished) == 3 * len(done)
    counted = Counter(asked(image))
    assert all(counted[number] == 1 for number in finished)
    assert sum(count > 1 for count in counted.values()) <= 2 * 3
    third = start()
    assert "0 shards to do, 80 were done before" in third.communicate(timeout=60)[1]
    assert (third.returncode, len(asked(image))) == (0, sum(counted.values()))


def test_a_line_that_does_not_fit_is_named_and_the_other_shards_are_done(s3: Any) -> None:
    fill(s3, shards=3, rows=2)
    bucket = os.environ["BUCKET"]
    s3.put_object(Bucket=bucket, Key="in/bad.jsonl", Body=b'{"x": 1}\n{"x": "two"}\n')
    s3.put_object(Bucket=bucket, Key="in/empty.jsonl", Body=b"")
    s3.put_object(Bucket=bucket, Key="in/notes.txt", Body=b"no shard")
    run = start(WORKERS="1")
    told = run.communicate(timeout=60)[1]
    assert run.returncode == 1, told
    assert "bad.jsonl failed: line 2.x: is a string: give a number" in told
    assert "1 of 5 shards failed: bad.jsonl" in told
    assert sorted(written(s3)) == ["day/000.jsonl", "day/001.jsonl", "day/002.jsonl", "empty.jsonl"]


def test_tasks_share_the_shards(s3: Any) -> None:
    from serving import batch

    fill(s3, shards=7, rows=1)
    now = datetime.now(UTC)
    parts = [
        batch.shards(batch.job({**os.environ, "TASK_INDEX": str(index), "TASK_COUNT": "3"}, now), s3)[0]
        for index in range(3)
    ]
    assert sorted(name for part in parts for name, _ in part) == [
        f"day/{shard:03}.jsonl" for shard in range(7)
    ]
    assert sorted(map(len, parts)) == [2, 2, 3]


def test_too_late_is_an_exit_code_of_its_own(s3: Any) -> None:
    from serving import batch

    fill(s3, shards=2, rows=1)
    start_ = datetime(2026, 3, 1, 5, 0, tzinfo=UTC)
    said = batch.job({**os.environ, "FINISH_BY": "06:00", "WORKERS": "1"}, start_)
    clock = iter([start_, start_ + timedelta(minutes=45), *[start_ + timedelta(minutes=90)] * 3])
    told: list[str] = []
    assert batch.run(said, told.append, lambda: next(clock)) == batch.TOO_LATE == 3
    assert [line.split("will be done at ")[1][:16] for line in told] == ["2026-03-01 06:30"]


@pytest.mark.parametrize(
    ("clock", "zone", "now", "expected"),
    [
        ("06:00", "UTC", "2026-03-01T05:59", "2026-03-01T06:00"),
        ("06:00", "UTC", "2026-03-01T06:00", "2026-03-02T06:00"),
        ("06:00", "Europe/Prague", "2026-03-01T04:00", "2026-03-01T05:00"),
        # The night in which clocks are put forward, and the one in which they are put back.
        ("06:00", "Europe/Prague", "2026-03-28T22:00", "2026-03-29T04:00"),
        ("06:00", "Europe/Prague", "2026-10-24T21:00", "2026-10-25T05:00"),
    ],
)
def test_the_next_time_that_the_clock_shows(
    image: Path, clock: str, zone: str, now: str, expected: str
) -> None:
    from serving.batch import next_time

    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert next_time(clock, zone, at) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"INPUT": ""}, "set INPUT"),
        ({"OUTPUT": "acme/out"}, "give s3://BUCKET/PREFIX"),
        ({"OUTPUT": "s3://acme/in"}, "the same place"),
        ({"FINISH_BY": "six"}, "FINISH_BY"),
        ({"TIMEZONE": "Prague"}, "TIMEZONE"),
        ({"WORKERS": "0"}, "no share"),
        ({"TASK_INDEX": "2", "TASK_COUNT": "2"}, "no share"),
    ],
)
def test_what_is_no_job_is_said(image: Path, change: dict[str, str], words: str) -> None:
    from serving.batch import JobError, job

    said = {"INPUT": "s3://acme/in", "OUTPUT": "s3://acme/out", "FINISH_BY": "06:00"}
    with pytest.raises(JobError, match=words):
        job({**said, **change}, datetime.now(UTC))
