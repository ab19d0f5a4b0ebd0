"""The pipeline upsert: moto plays AWS; what moto never refuses is refused by doubles, which are named so."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import BUCKET, client, configure, upload

DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "InputData", "Type": "String"},
        {"Name": "Epochs", "Type": "Integer"},
    ],
    "Steps": [{"Name": "Train", "Type": "Training", "Arguments": {}}],
}
SCHEDULE = {
    "expression": "cron(0 3 * * ? *)",
    "timezone": "Europe/Prague",
    "role": None,
    "state": "ENABLED",
}
SCHEMA = {
    "type": "object",
    "required": ["InputData", "Epochs"],
    "properties": {
        "InputData": {"type": "string", "x-owner": "data engineer"},
        "Epochs": {"type": "integer", "x-owner": "applied scientist"},
    },
}


def uploaded(**files: Any) -> dict[str, Any]:
    """Upload files of the pipeline churn; the event of its definition."""
    for name, data in files.items():
        upload("churn", {"schema": "configuration.schema"}.get(name, name) + ".json", data)
    return upload("churn", "definition.json", DEFINITION)


def schedule() -> dict[str, Any]:
    """The pipeline's schedule."""
    return dict(client("scheduler").get_schedule(Name="churn", GroupName="acme-ml-pipelines"))


def test_an_upload_creates_the_pipeline_and_its_schedule(upsert: ModuleType) -> None:
    result = upsert.handler(uploaded(schedule=SCHEDULE))
    assert (result["did"], result["schedule"], result["missing"]) == (
        "created",
        "ENABLED",
        {},
    )
    pipeline = client("sagemaker").describe_pipeline(PipelineName="churn")
    assert pipeline["RoleArn"].endswith(":role/training")
    made = schedule()
    assert (made["ScheduleExpression"], made["ScheduleExpressionTimezone"]) == (
        "cron(0 3 * * ? *)",
        "Europe/Prague",
    )
    assert made["Target"]["Arn"].endswith(":pipeline/churn")
    assert made["Target"]["RoleArn"].endswith(":role/schedules")


def test_the_second_upload_updates_both(upsert: ModuleType) -> None:
    first = upsert.handler(uploaded(schedule=SCHEDULE))
    second = upsert.handler(
        uploaded(schedule={**SCHEDULE, "expression": "rate(1 day)", "role": "arn:own"})
    )
    assert second["did"] == "updated"
    assert second["version"] != first["version"]
    assert schedule()["ScheduleExpression"] == "rate(1 day)"
    assert schedule()["Target"]["RoleArn"] == "arn:own"


def test_the_schedule_waits_for_the_mandatory_keys(upsert: ModuleType) -> None:
    configure("churn", "{}")
    waiting = upsert.handler(uploaded(schedule=SCHEDULE, schema=SCHEMA))
    assert waiting["missing"] == {
        "InputData": "data engineer",
        "Epochs": "applied scientist",
    }
    assert schedule()["State"] == "DISABLED"
    configure("churn", json.dumps({"InputData": "s3://data", "Epochs": "ten"}))
    changed = {
        "source": "aws.ssm",
        "detail": {"name": "/sagemaker/churn/configuration", "operation": "Update"},
    }
    assert upsert.handler(changed)["missing"] == {"Epochs": "applied scientist"}
    configure("churn", json.dumps({"InputData": "s3://data", "Epochs": 10}))
    assert upsert.handler(changed)["missing"] == {}
    assert schedule()["State"] == "ENABLED"
    assert schedule()["Target"]["SageMakerPipelineParameters"]["PipelineParameterList"] == [
        {"Name": "InputData", "Value": "s3://data"},
        {"Name": "Epochs", "Value": "10"},
    ]


def test_a_key_that_becomes_mandatory_stops_the_schedule(upsert: ModuleType) -> None:
    upsert.handler(uploaded(schedule=SCHEDULE))
    assert schedule()["State"] == "ENABLED"
    upsert.handler(uploaded(schema=SCHEMA))
    assert schedule()["State"] == "DISABLED"


def test_zero_and_false_are_values(upsert: ModuleType) -> None:
    upload(
        "churn",
        "configuration.schema.json",
        {"required": ["a", "b", "c"], "properties": {"c": {"type": "integer"}}},
    )
    assert upsert.missing_keys("churn", {"a": 0, "b": False, "c": True}) == {"c": "nobody is named"}


def test_a_schedule_that_is_switched_off_stays_so(upsert: ModuleType) -> None:
    assert (
        upsert.handler(uploaded(schedule={**SCHEDULE, "state": "DISABLED"}))["schedule"]
        == "DISABLED"
    )


def test_a_pipeline_without_a_schedule_has_none(upsert: ModuleType) -> None:
    upsert.handler(uploaded(schedule=SCHEDULE))
    client("s3").delete_object(Bucket=BUCKET, Key="pipelines/churn/schedule.json")
    assert upsert.handler(uploaded())["schedule"] == "none"
    with pytest.raises(ClientError, match="does not exist"):
        schedule()


def test_a_schedule_before_its_definition_waits(upsert: ModuleType) -> None:
    result = upsert.handler(upload("churn", "schedule.json", SCHEDULE))
    assert result["did"] == "nothing: definition.json is not there yet"
    assert client("sagemaker").list_pipelines()["PipelineSummaries"] == []


@pytest.mark.parametrize(
    "event",
    [
        {"source": "aws.s3", "detail": {"bucket": {"name": BUCKET}, "object": {"key": "pipelines/churn/runs/definition.json"}}},
        {"source": "aws.s3", "detail": {"bucket": {"name": "another"}, "object": {"key": "pipelines/churn/definition.json"}}},
        {"source": "aws.ssm", "detail": {"name": "/sagemaker/churn/other"}},
    ],
)  # fmt: skip
def test_what_is_about_no_pipeline_does_nothing(upsert: ModuleType, event: dict[str, Any]) -> None:
    assert upsert.handler(event)["pipeline"] is None


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"definition": "{"}, "pipelines/churn/definition.json is no JSON"),
        ({"definition": {"Version": "2020-12-01"}}, "has no Steps"),
        ({"definition": DEFINITION, "schedule": {}}, "schedule.json has no expression"),
        (
            {"definition": DEFINITION, "schema": "[]"},
            "configuration.schema.json is no JSON object",
        ),
    ],
)
def test_a_file_that_is_wrong_is_named(
    upsert: ModuleType, files: dict[str, Any], told: str
) -> None:
    for name, data in files.items():
        event = upload("churn", {"schema": "configuration.schema"}.get(name, name) + ".json", data)
    with pytest.raises(upsert.RefusedError, match=told):
        upsert.handler(event)


class Double:
    """A double of a client: the calls that are given raise in order, all others are moto's."""

    def __init__(self, inner: Any, **refusals: list[str]) -> None:
        self.inner = inner
        self.refusals = refusals

    def __getattr__(self, name: str) -> Any:
        def call(**asked: Any) -> Any:
            if self.refusals.get(name):
                code = self.refusals[name].pop(0)
                if code:
                    raise ClientError({"Error": {"Code": code, "Message": code}}, name)
            return getattr(self.inner, name)(**asked)

        return call


def with_double(
    upsert: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    service: str,
    **refusals: list[str],
) -> None:
    """Let a service refuse."""
    before = upsert.client
    double = Double(before(service), **refusals)
    monkeypatch.setattr(upsert, "client", lambda name: double if name == service else before(name))


def test_two_that_create_at_once_end_as_one(
    upsert: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert.handler(uploaded(schedule=SCHEDULE))
    # SageMaker does not know it yet, and then it does; Scheduler likewise.
    with_double(upsert, monkeypatch, "sagemaker", describe_pipeline=["ResourceNotFound"])
    assert upsert.handler(uploaded(schedule=SCHEDULE))["did"] == "updated"
    with_double(
        upsert,
        monkeypatch,
        "scheduler",
        update_schedule=["ResourceNotFoundException", ""],
    )
    assert upsert.handler(uploaded(schedule=SCHEDULE))["schedule"] == "ENABLED"


@pytest.mark.parametrize(
    ("service", "refusals"),
    [
        ("sagemaker", {"create_pipeline": ["ValidationException"]}),
        ("sagemaker", {"describe_pipeline": ["AccessDeniedException"]}),
        ("scheduler", {"create_schedule": ["ServiceQuotaExceededException"]}),
        ("s3", {"get_object": ["AccessDenied"]}),
        ("ssm", {"get_parameter": ["ThrottlingException"]}),
    ],
)
def test_what_aws_refuses_is_an_error(
    upsert: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    service: str,
    refusals: dict[str, list[str]],
) -> None:
    event = uploaded(schedule=SCHEDULE)
    code = next(iter(refusals.values()))[0]
    with_double(upsert, monkeypatch, service, **refusals)
    with pytest.raises(ClientError, match=code):
        upsert.handler(event)


def test_a_new_definition_does_not_run_with_an_old_schedule(
    upsert: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schedule stops before the pipeline changes: if SageMaker then refuses, nothing runs that lacks a key."""
    upsert.handler(uploaded(schedule=SCHEDULE))
    event = uploaded(schema=SCHEMA)
    with_double(upsert, monkeypatch, "sagemaker", update_pipeline=["ThrottlingException"])
    with pytest.raises(ClientError, match="ThrottlingException"):
        upsert.handler(event)
    assert schedule()["State"] == "DISABLED"
