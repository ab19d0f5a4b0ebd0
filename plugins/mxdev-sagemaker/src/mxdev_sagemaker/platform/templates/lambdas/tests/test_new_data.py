"""New data starts a pipeline once no more of it comes; moto plays AWS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from conftest import client, configure, upload

DEFINITION = {"Version": "2020-12-01", "Steps": [{"Name": "Train", "Type": "Training"}]}
SCHEDULE = {"expression": None, "timezone": "UTC", "state": "ENABLED", "quiet_minutes": 15}
SCHEMA = {"required": ["target"], "properties": {"target": {"type": "string", "x-owner": "me"}}}


def data(name: str = "churn", key: str = "2026-01-31.csv") -> dict[str, Any]:
    """The event of a file of data."""
    return upload(name, f"data/{key}", "a,b")


def pipeline(upsert: ModuleType, schedule: dict[str, Any]) -> None:
    """A pipeline whose configuration is complete."""
    configure("churn", '{"target": "churned"}')
    upload("churn", "configuration.schema.json", SCHEMA)
    upload("churn", "schedule.json", schedule)
    upsert.handler(upload("churn", "definition.json", DEFINITION))


def waiting() -> list[dict[str, Any]]:
    """The starts that wait."""
    scheduler = client("scheduler")
    listed = scheduler.list_schedules(GroupName="acme-ml-data")["Schedules"]
    return [
        dict(scheduler.get_schedule(Name=one["Name"], GroupName="acme-ml-data")) for one in listed
    ]


def at(schedule: dict[str, Any]) -> datetime:
    """When a start is."""
    return datetime.strptime(schedule["ScheduleExpression"], "at(%Y-%m-%dT%H:%M:%S)").replace(
        tzinfo=UTC
    )


def test_many_files_are_one_start_after_the_last(upsert: ModuleType) -> None:
    pipeline(upsert, SCHEDULE)
    before = datetime.now(UTC).replace(microsecond=0)
    for number in range(3):
        assert upsert.handler(data(key=f"{number}.csv"))["did"].startswith("it starts at ")
    (one,) = waiting()
    assert timedelta(minutes=15) <= at(one) - before < timedelta(minutes=16)
    assert one["ScheduleExpressionTimezone"] == "UTC"
    assert one["Target"]["Arn"].endswith(":pipeline/churn")
    assert one["ActionAfterCompletion"] == "DELETE"
    # There is no other schedule.
    assert client("scheduler").list_schedules(GroupName="acme-ml-pipelines")["Schedules"] == []


def test_both_a_schedule_and_new_data(upsert: ModuleType) -> None:
    pipeline(upsert, {**SCHEDULE, "expression": "rate(1 day)"})
    upsert.handler(data())
    (regular,) = client("scheduler").list_schedules(GroupName="acme-ml-pipelines")["Schedules"]
    assert regular["State"] == "ENABLED"
    assert len(waiting()) == 1


@pytest.mark.parametrize(
    "schedule",
    [
        {"expression": "rate(1 day)"},
        {**SCHEDULE, "quiet_minutes": None, "expression": "rate(1 day)"},
        {**SCHEDULE, "state": "DISABLED"},
    ],
)
def test_without_the_wish_nothing_starts(upsert: ModuleType, schedule: dict[str, Any]) -> None:
    pipeline(upsert, schedule)
    assert upsert.handler(data())["did"] == "nothing: new data does not start it"
    assert waiting() == []


def test_it_waits_for_the_mandatory_keys(upsert: ModuleType) -> None:
    pipeline(upsert, SCHEDULE)
    upsert.handler(data())
    assert len(waiting()) == 1
    # A key that is taken away takes the start with it.
    configure("churn", "{}")
    changed = {
        "source": "aws.ssm",
        "detail": {"name": "/sagemaker/churn/configuration", "operation": "Update"},
    }
    upsert.handler(changed)
    assert waiting() == []
    assert upsert.handler(data())["missing"] == {"target": "me"}
    assert waiting() == []


def test_a_pipeline_that_is_not_there_starts_nothing(upsert: ModuleType) -> None:
    assert upsert.handler(data("fraud"))["did"] == "nothing: new data does not start it"


@pytest.mark.parametrize("key", ["runs/1/data/x.csv", "data/", "data"])
def test_what_is_no_data(upsert: ModuleType, key: str) -> None:
    pipeline(upsert, SCHEDULE)
    assert upsert.handler(upload("churn", key, "a"))["pipeline"] is None


@pytest.mark.parametrize("minutes", [0, -1, 1441, "15", True, 1.5])
def test_a_number_that_cannot_be_is_named(upsert: ModuleType, minutes: object) -> None:
    with pytest.raises(upsert.RefusedError, match="quiet_minutes is"):
        pipeline(upsert, {**SCHEDULE, "quiet_minutes": minutes})
