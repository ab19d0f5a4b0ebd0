"""Keep a SageMaker pipeline and its schedule as they lie in the platform's bucket, and start it when new data has come, where it is to be.

It is started by an upload below `pipelines/NAME/`, and by a change of the parameter `/sagemaker/NAME/configuration`. It reads what lies there
now, whatever the event was about, so that events that come twice or in another order lead to the same end. New data is what comes below
`pipelines/NAME/data/`: the pipeline starts when no more has come for `quiet_minutes`, so that many files are one start.
"""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError

KEY = re.compile(
    r"pipelines/([A-Za-z0-9](?:-?[A-Za-z0-9]){0,62})/(?:definition|schedule|configuration\.schema)\.json"
)
DATA = re.compile(r"pipelines/([A-Za-z0-9](?:-?[A-Za-z0-9]){0,62})/data/.*[^/]")
PARAMETER = re.compile(r"/sagemaker/([A-Za-z0-9](?:-?[A-Za-z0-9]){0,62})/configuration")
TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


class RefusedError(Exception):
    """What was uploaded cannot be used: the message names the file and what is wrong."""


@cache
def client(service: str) -> Any:
    """A client of AWS."""
    return boto3.client(service)


def handler(event: dict[str, Any], context: object = None) -> dict[str, Any]:
    """Bring the pipeline that the event is about up to date; what was done.

    Raises:
        RefusedError: a file is no JSON, or lacks what it must have.
        ClientError: AWS refused a call; Lambda tries again, and keeps the event in the queue of dead letters in the end.
    """
    if loaded := pipeline_of_data(event):
        return said(start_later(loaded))
    name = name_of(event)
    if name is None:
        return said({"pipeline": None, "did": "nothing: the event is not about a pipeline"})
    return said(upsert(name))


def pipeline_of_data(event: dict[str, Any]) -> str | None:
    """The pipeline whose new data an event of S3 is about; None if it is about something else."""
    detail = event.get("detail", {})
    if detail.get("bucket", {}).get("name") != os.environ["BUCKET"]:
        return None
    found = DATA.fullmatch(str(detail.get("object", {}).get("key", "")))
    return found[1] if found else None


def name_of(event: dict[str, Any]) -> str | None:
    """The pipeline that an event of S3 or of Parameter Store is about; None if it is about none."""
    detail = event.get("detail", {})
    if event.get("source") == "aws.ssm":
        found = PARAMETER.fullmatch(str(detail.get("name", "")))
    elif detail.get("bucket", {}).get("name") == os.environ["BUCKET"]:
        found = KEY.fullmatch(str(detail.get("object", {}).get("key", "")))
    else:
        found = None
    return found[1] if found else None


def upsert(name: str) -> dict[str, Any]:
    """Create or update the pipeline `name` and its schedule."""
    read = document(name, "definition.json")
    if read is None:
        return {"pipeline": name, "did": "nothing: definition.json is not there yet"}
    definition, version = read
    if not definition.get("Steps"):
        raise RefusedError(f"pipelines/{name}/definition.json has no Steps")
    configuration = configured(name)
    missing = missing_keys(name, configuration)
    # The schedule first where it must not fire: a new definition never runs with a configuration that lacks something.
    found = document(name, "schedule.json")
    schedule = found[0] if found else {"expression": None}
    if missing:
        scheduled = keep_schedule(name, schedule, definition, configuration, enabled=False)
        made = put_pipeline(name, version)
    else:
        made = put_pipeline(name, version)
        scheduled = keep_schedule(name, schedule, definition, configuration, enabled=True)
    return {
        "pipeline": name,
        "did": made,
        "version": version,
        "schedule": scheduled,
        "missing": missing,
    }


def start_later(name: str) -> dict[str, Any]:
    """Start the pipeline when no more data has come for as long as its schedule.json says; what was done."""
    schedule, read = document(name, "schedule.json"), document(name, "definition.json")
    if schedule is None or read is None or not quiet_minutes(name, schedule[0]):
        return {"pipeline": name, "did": "nothing: new data does not start it"}
    configuration = configured(name)
    if missing := missing_keys(name, configuration):
        drop_schedule(name, os.environ["DATA_GROUP"])
        return {
            "pipeline": name,
            "did": "nothing: its configuration is not complete",
            "missing": missing,
        }
    at = datetime.now(UTC) + timedelta(minutes=quiet_minutes(name, schedule[0]))
    once = {
        "expression": f"at({at:%Y-%m-%dT%H:%M:%S})",
        "role": schedule[0].get("role"),
    }
    put_schedule(name, once, read[0], configuration, enabled=True, group=os.environ["DATA_GROUP"])
    return {"pipeline": name, "did": f"it starts at {at:%Y-%m-%d %H:%M} UTC unless more comes"}


def quiet_minutes(name: str, schedule: dict[str, Any]) -> int:
    """How long no new data must have come before it starts the pipeline; 0 if it starts nothing."""
    minutes = schedule.get("quiet_minutes")
    if minutes is not None and (type(minutes) is not int or not 1 <= minutes <= 1440):
        raise RefusedError(
            f"pipelines/{name}/schedule.json: quiet_minutes is {minutes!r}, not from 1 to 1440"
        )
    return minutes if minutes and schedule.get("state", "ENABLED") == "ENABLED" else 0


def keep_schedule(
    name: str,
    schedule: dict[str, Any],
    definition: dict[str, Any],
    configuration: dict[str, Any],
    *,
    enabled: bool,
) -> str:
    """Make the schedule of the pipeline as schedule.json says; its state afterwards, or "none".

    A start that waits for the end of new data is taken back where it must not be.
    """
    quiet = quiet_minutes(name, schedule)
    if not (enabled and quiet):
        drop_schedule(name, os.environ["DATA_GROUP"])
    if "expression" in schedule and schedule["expression"] is None:
        return drop_schedule(name, os.environ["SCHEDULE_GROUP"])
    group = os.environ["SCHEDULE_GROUP"]
    return put_schedule(name, schedule, definition, configuration, enabled=enabled, group=group)


def document(name: str, file: str) -> tuple[dict[str, Any], str] | None:
    """A file of the pipeline, and the version of the object; None if there is none."""
    key = f"pipelines/{name}/{file}"
    try:
        found = client("s3").get_object(Bucket=os.environ["BUCKET"], Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise
    try:
        data = json.loads(found["Body"].read())
    except ValueError as error:
        raise RefusedError(f"{key} is no JSON: {error}") from error
    if not isinstance(data, dict):
        raise RefusedError(f"{key} is no JSON object")
    return data, str(found.get("VersionId", ""))


def configured(name: str) -> dict[str, Any]:
    """The configuration of the pipeline; empty if nobody has made it yet."""
    parameter = f"/sagemaker/{name}/configuration"
    try:
        text = client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            return {}
        raise
    try:
        data = json.loads(text)
    except ValueError as error:
        raise RefusedError(f"the parameter {parameter} is no JSON: {error}") from error
    if not isinstance(data, dict):
        raise RefusedError(f"the parameter {parameter} is no JSON object")
    return data


def missing_keys(name: str, configuration: dict[str, Any]) -> dict[str, str]:
    """The mandatory keys that have no value yet, or one of another type, and who owes each."""
    read = document(name, "configuration.schema.json")
    schema = read[0] if read else {}
    properties = schema.get("properties", {})
    return {
        key: str(properties.get(key, {}).get("x-owner", "nobody is named"))
        for key in schema.get("required", [])
        if not filled(configuration.get(key), properties.get(key, {}).get("type"))
    }


def filled(value: Any, wanted: Any) -> bool:
    """Whether a value is there and of the type that the schema names; zero and False are values."""
    if value is None or value in ("", [], {}):
        return False
    names = wanted if isinstance(wanted, list) else [wanted]
    known = [TYPES[name] for name in names if name in TYPES]
    if isinstance(value, bool):
        return not known or bool in known
    return not known or any(isinstance(value, one) for one in known)


def put_pipeline(name: str, version: str) -> str:
    """Create or update the pipeline with that version of its definition; which of both it was."""
    sagemaker = client("sagemaker")
    place = {
        "Bucket": os.environ["BUCKET"],
        "ObjectKey": f"pipelines/{name}/definition.json",
    }
    if version:
        place["VersionId"] = version
    wanted = {
        "PipelineName": name,
        "PipelineDefinitionS3Location": place,
        "RoleArn": os.environ["PIPELINE_ROLE"],
    }
    if not exists(name):
        try:
            sagemaker.create_pipeline(
                **wanted, ClientRequestToken=f"{name}-{version}".ljust(32, "-")[:128]
            )
            return "created"
        except ClientError:
            # Another event made it meanwhile; or SageMaker does not take the definition, and then this is its word.
            if not exists(name):
                raise
    sagemaker.update_pipeline(**wanted)
    return "updated"


def exists(name: str) -> bool:
    """Whether SageMaker has the pipeline."""
    try:
        client("sagemaker").describe_pipeline(PipelineName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] in (
            "ResourceNotFound",
            "ValidationException",
        ):
            return False
        raise
    return True


def put_schedule(
    name: str,
    schedule: dict[str, Any],
    definition: dict[str, Any],
    configuration: dict[str, Any],
    *,
    enabled: bool,
    group: str,
) -> str:
    """Create or update the schedule in a group; its state afterwards. One that fires once is removed by that."""
    if not schedule.get("expression"):
        raise RefusedError(f"pipelines/{name}/schedule.json has no expression")
    state = "ENABLED" if enabled and schedule.get("state", "ENABLED") == "ENABLED" else "DISABLED"
    target: dict[str, Any] = {
        "Arn": f"{os.environ['PIPELINE_ARNS']}/{name}",
        "RoleArn": schedule.get("role") or os.environ["SCHEDULE_ROLE"],
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
        "DeadLetterConfig": {"Arn": os.environ["DEAD_LETTERS"]},
    }
    if parameters := of_pipeline(definition, configuration):
        target["SageMakerPipelineParameters"] = {"PipelineParameterList": parameters}
    wanted = {
        "Name": name,
        "GroupName": group,
        "ScheduleExpression": schedule["expression"],
        "ScheduleExpressionTimezone": schedule.get("timezone") or "UTC",
        "State": state,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE" if schedule["expression"].startswith("at(") else "NONE",
        "Target": target,
    }
    scheduler = client("scheduler")
    try:
        scheduler.update_schedule(**wanted)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        try:
            scheduler.create_schedule(**wanted)
        except ClientError as conflict:
            if conflict.response["Error"]["Code"] != "ConflictException":
                raise
            scheduler.update_schedule(**wanted)
    return state


def of_pipeline(definition: dict[str, Any], configuration: dict[str, Any]) -> list[dict[str, str]]:
    """The values of the configuration that are parameters of the pipeline, as Scheduler passes them."""
    names = [one["Name"] for one in definition.get("Parameters", [])]
    return [
        {
            "Name": name,
            "Value": value if isinstance(value := configuration[name], str) else json.dumps(value),
        }
        for name in names
        if filled(configuration.get(name), None)
    ]


def drop_schedule(name: str, group: str) -> str:
    """Remove the schedule of a pipeline that has none any more."""
    try:
        client("scheduler").delete_schedule(Name=name, GroupName=group)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
    return "none"


def said(result: dict[str, Any]) -> dict[str, Any]:
    """Write the result into the log, one line of JSON."""
    print(json.dumps(result))
    return result
