"""An account of moto's with the platform's bucket, and the two functions as modules."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws

HERE = Path(__file__).parent.parent
REGION = "eu-central-1"
BUCKET = "acme-ml-platform-123456789012"
ROLES = "arn:aws:iam::123456789012:role"


@cache
def client(service: str) -> Any:
    """A client of AWS; once for all tests, because the first of each service takes a second."""
    return boto3.client(service)


@cache
def loaded(name: str) -> ModuleType:
    """The handler of a function; what lies beside it can be imported, as in the zip."""
    sys.path.insert(0, str(HERE / name))
    try:
        spec = importlib.util.spec_from_file_location(f"{name}_handler", HERE / name / "handler.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.pop(0)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty account with the platform's bucket and the group of schedules."""
    for name, value in {
        "AWS_DEFAULT_REGION": REGION,
        "BUCKET": BUCKET,
        "PIPELINE_ROLE": f"{ROLES}/training",
        "PIPELINE_ARNS": f"arn:aws:sagemaker:{REGION}:123456789012:pipeline",
        "SCHEDULE_ROLE": f"{ROLES}/schedules",
        "SCHEDULE_GROUP": "acme-ml-pipelines",
        "DATA_GROUP": "acme-ml-data",
        "DEAD_LETTERS": f"arn:aws:sqs:{REGION}:123456789012:dead-letters",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3 = client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for group in ("acme-ml-pipelines", "acme-ml-data"):
            client("scheduler").create_schedule_group(Name=group)
        yield


@pytest.fixture
def upsert(account: None) -> ModuleType:
    """The function that keeps pipelines."""
    return loaded("pipeline_upsert")


@pytest.fixture
def manager(account: None) -> ModuleType:
    """The function that deploys."""
    return loaded("deploy_manager")


def configure(name: str, text: str) -> None:
    """Set the configuration of a pipeline."""
    parameter = f"/sagemaker/{name}/configuration"
    client("ssm").put_parameter(Name=parameter, Value=text, Type="String", Overwrite=True)


def upload(name: str, file: str, data: Any) -> dict[str, Any]:
    """Upload a file of a pipeline; the event that S3 sends of it."""
    key = f"pipelines/{name}/{file}"
    text = data if isinstance(data, str) else json.dumps(data)
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=text.encode())
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": BUCKET}, "object": {"key": key}},
    }
