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
# In Prague it is the second of March already; and long ago.
SCHEDULED, DAY = "2026-03-01T23:30:00Z", "2026-03-02"


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
        "AWS_ENDPOINT_URL": endpoint, "INPUT": f"s3://{bucket}/in", "OUTPUT": f"s3://{bucket}/out/", "DONE_BY": "23:59", "SCHEDULED_TIME": SCHEDULED, "CLAIM_SECONDS": "3", "TIMEZONE": "Europe/Prague",
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
    found = s3.list_object_versions(Bucket=os.environ["BUCKET"], Prefix=f"out/{DAY}/").get("Versions", ())
    names = (one["Key"].removeprefix(f"out/{DAY}/") for one in found)
    return Counter(name for name in names if not name.startswith("_"))


def succeeded(s3: Any) -> bool:
    return "Contents" in s3.list_objects_v2(Bucket=os.environ["BUCKET"], Prefix=f"out/{DAY}/_SUCCESS")


def start(**more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "serving.batch"], env={**os.environ, **more}, stderr=subprocess.PIPE, text=True, start_new_session=True
    )  # fmt: skip


def test_killed_midway_and_restarted_no_shard_is_done_twice(s3: Any, image: Path) -> None:
    import boto3

    fill(s3, shards=80, rows=3)
    # Two workers need 80 seconds.
    first = start(DELAY="2", METRICS_NAMESPACE="acme-deployed")
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
    # The workers end with it, in less than a second: nobody writes any more.
    time.sleep(2)
    before, done = asked(image), set(written(s3))
    assert 3 <= len(done) < 12
    assert "minutes after 22:59 UTC: give it more WORKERS or tasks" in told
    (late,) = boto3.client("cloudwatch").get_metric_statistics(
        Namespace="acme-deployed", MetricName="MinutesLate", Period=86400, Statistics=["Maximum"],
        StartTime=datetime.now(UTC) - timedelta(days=1), EndTime=datetime.now(UTC) + timedelta(hours=1),
        Dimensions=[{"Name": "Model", "Value": "double"}, {"Name": "Version", "Value": "1"}],
    )["Datapoints"]  # fmt: skip
    assert late["Maximum"] > 0
    assert not succeeded(s3)

    second = start()
    told = second.communicate(timeout=120)[1]
    assert second.returncode == 0, told
    assert f"{80 - len(done)} shards to do, {len(done)} were done before" in told
    assert written(s3) == Counter({f"day/{shard:03}.jsonl": 1 for shard in range(80)})
    answers = [
        json.loads(line)
        for shard in range(80)
        for line in s3.get_object(Bucket=os.environ["BUCKET"], Key=f"out/{DAY}/day/{shard:03}.jsonl")[
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
    assert succeeded(s3)
    assert (third.returncode, len(asked(image))) == (0, sum(counted.values()))


def test_a_line_that_does_not_fit_is_named_and_the_other_shards_are_done(s3: Any) -> None:
    fill(s3, shards=3, rows=2)
    bucket = os.environ["BUCKET"]
    s3.put_object(Bucket=bucket, Key="in/bad.jsonl", Body=b'{"x": 1}\n{"x": "two"}\n')
    s3.put_object(Bucket=bucket, Key="in/huge.jsonl", Body=b'{"x": 1' + b"0" * 400 + b"}\n")
    # The double answers NaN to 14.
    s3.put_object(Bucket=bucket, Key="in/nan.jsonl", Body=b'{"x": 1}\n\n{"x": 14}\n')
    s3.put_object(Bucket=bucket, Key="in/empty.jsonl", Body=b"")
    s3.put_object(Bucket=bucket, Key="in/notes.txt", Body=b"no shard")
    run = start(WORKERS="1")
    told = run.communicate(timeout=60)[1]
    assert run.returncode == 1, told
    assert "bad.jsonl failed: line 2.x: is a string: give a number" in told
    assert "huge.jsonl failed: line 1.x: is no finite number: give a number" in told
    assert "nan.jsonl failed: line 3: the model's answer is no JSON: Out of range float" in told
    assert "3 of 7 shards failed: bad.jsonl, huge.jsonl, nan.jsonl" in told
    assert not succeeded(s3)
    assert sorted(written(s3)) == ["day/000.jsonl", "day/001.jsonl", "day/002.jsonl", "empty.jsonl"]


def test_nothing_to_do_is_no_success(s3: Any) -> None:
    s3.put_object(Bucket=os.environ["BUCKET"], Key="in/rows.json", Body=b"{}")
    run = start()
    told = run.communicate(timeout=60)[1]
    assert run.returncode == 1, told
    assert f"error: there is no .jsonl below s3://{os.environ['BUCKET']}/in/" in told
    assert not succeeded(s3)


def test_tasks_share_the_shards(s3: Any, image: Path) -> None:
    fill(s3, shards=24, rows=1)
    tasks = [start(DELAY="0.3"), start(DELAY="0.3")]
    told = [task.communicate(timeout=120)[1] for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], told
    assert set(written(s3).values()) == {1}
    assert sorted(asked(image)) == [1000 * (shard + 1) for shard in range(24)]
    assert succeeded(s3)


def test_a_claim_holds_until_it_is_not_renewed(s3: Any) -> None:
    from serving.work import claimed, place

    target = place(f"s3://{os.environ['BUCKET']}/claims")
    with claimed(s3, target, "a.jsonl", 0.6) as first:
        time.sleep(1.2)
        with claimed(s3, target, "a.jsonl", 0.6) as second:
            assert (first, second) == (True, False)
    body = json.dumps({"until": (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()})
    s3.put_object(**target.key("_claims/a.jsonl"), Body=body.encode())
    with claimed(s3, target, "a.jsonl", 0.6) as of_the_living:
        assert not of_the_living
    time.sleep(0.6)
    with claimed(s3, target, "a.jsonl", 0.6) as of_the_dead:
        assert of_the_dead
    assert "Contents" not in s3.list_objects_v2(Bucket=target.bucket, Prefix=target.prefix)


def test_that_it_will_be_late_is_known_before(s3: Any) -> None:
    from serving import batch

    fill(s3, shards=2, rows=1)
    five = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
    said = batch.job({**os.environ, "WORKERS": "1"}, five)
    clock = (five + timedelta(minutes=45 * number) for number in range(9))
    told: list[datetime] = []
    assert batch.run(said, told.append, lambda: next(clock)) == 0
    assert told[0] == five + timedelta(minutes=90)


def test_it_is_said_once_and_measured_every_minute(
    s3: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from serving import batch

    monkeypatch.setenv("METRICS_NAMESPACE", "acme")
    measured: list[float] = []

    class CloudWatch:
        """A double that notes what is measured."""

        def put_metric_data(self, **request: Any) -> None:
            measured.append(request["MetricData"][0]["Value"])

    monkeypatch.setattr(batch, "_client", lambda service: CloudWatch())
    six = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
    clock = [six - timedelta(minutes=30)]
    teller = batch.Teller(six, lambda: clock[0])
    for seconds, end in (
        (0, six),
        (30, six + timedelta(minutes=15)),
        (40, six + timedelta(minutes=20)),
        (91, six),
    ):
        clock[0] = six - timedelta(minutes=30) + timedelta(seconds=seconds)
        teller(end)
    assert measured == [0, 15, 0]
    assert [record.getMessage() for record in caplog.records if "minutes after" in record.getMessage()] == [
        "it will be done at 2026-03-02 06:15:00 UTC, 15 minutes after 06:00 UTC: give it more WORKERS or tasks"
    ]


@pytest.mark.parametrize(
    ("clock", "zone", "scheduled", "day", "expected"),
    [
        ("06:00", "UTC", "2026-03-01T02:00:00Z", "2026-03-01", "2026-03-01T06:00"),
        ("06:00", "Europe/Prague", "2026-03-01T23:30:00Z", "2026-03-02", "2026-03-02T05:00"),
        # The mornings after which clocks are put forward, and back.
        ("06:00", "Europe/Prague", "2026-03-29T00:30:00Z", "2026-03-29", "2026-03-29T04:00"),
        ("06:00", "Europe/Prague", "2026-10-24T23:30:00Z", "2026-10-25", "2026-10-25T05:00"),
    ],
)
def test_the_hour_of_the_day(
    image: Path, clock: str, zone: str, scheduled: str, day: str, expected: str
) -> None:
    from serving.batch import job

    said = {
        "INPUT": "s3://a/in",
        "OUTPUT": "s3://a/out",
        "DONE_BY": clock,
        "TIMEZONE": zone,
        "SCHEDULED_TIME": scheduled,
    }
    found = job(said, datetime(2030, 1, 1, tzinfo=UTC))
    assert found.target.prefix == f"out/{day}/"
    assert found.finish == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"INPUT": ""}, "set INPUT"),
        ({"OUTPUT": "acme/out"}, "acme/out is no s3://BUCKET/PREFIX"),
        ({"DONE_BY": "six"}, "DONE_BY"),
        ({"TIMEZONE": "Nowhere"}, "TIMEZONE"),
        ({"SCHEDULED_TIME": "today"}, "SCHEDULED_TIME"),
        ({"WORKERS": "0"}, "give 1 or more"),
    ],
)
def test_what_is_no_job_is_said(image: Path, change: dict[str, str], words: str) -> None:
    from serving.batch import JobError, job

    said = {"INPUT": "s3://acme/in", "OUTPUT": "s3://acme/out", "DONE_BY": "06:00"}
    with pytest.raises(JobError, match=words):
        job({**said, **change}, datetime.now(UTC))
