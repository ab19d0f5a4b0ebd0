"""A whole run, step by step, by a double of SageMaker: from the table that the ETL leaves to the draft of a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import definition
import extract
import pytest
import register
from sagemaker_double import Run, StepFailedError

CONFIGURATION = {
    "target": "churned",
    "minimum_accuracy": 0.7,
    "serving_image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/serving:1.0.0",
    "serving_instance": "ml.m5.large",
}

SEARCH = {
    "trials": 2,
    "parallel": 2,
    "strategy": "Random",
    "metric": "validation:accuracy",
    "goal": "Maximize",
    "ranges": {
        "regularization": {"kind": "continuous", "from": 1e-6, "to": 10.0, "scale": "Logarithmic"}
    },
}


def configure(given: dict[str, Any], values: dict[str, Any]) -> None:
    boto3.client("ssm").put_parameter(
        Name=f"/sagemaker/{given['name']}/configuration",
        Type="String",
        Value=json.dumps(values),
        Overwrite=True,
    )


@pytest.fixture(scope="module")
def data(given: dict[str, Any], account: None) -> str:
    """Where the ETL has left the table."""
    return extract.publish(
        extract.clean(extract.rows()), given["bucket"], given["name"], "2026-01-31"
    )


def test_a_run_registers_a_draft(given: dict[str, Any], data: str, tmp_path: Path) -> None:
    processors = [{"name": "deduplicate"}, {"name": "scale", "how": "minmax"}]
    configure(
        given,
        {
            **CONFIGURATION,
            "input_data": data,
            "processors": processors,
            "minimums": {"f1_macro": 0.6},
        },
    )
    run = Run(definition.build({**given, "search": None}, "abc"), boto3.client("s3"), tmp_path)
    run.walk()
    assert "train:accuracy=" in run.said["Training"]
    client = boto3.client("sagemaker")
    listed = client.list_model_packages(ModelPackageGroupName=given["name"])
    package = listed["ModelPackageSummaryList"][0]
    found = client.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    assert found["ModelApprovalStatus"] == "PendingManualApproval"
    told = found["CustomerMetadataProperties"]
    # It was trained on scaled rows, and is asked with rows as they are: one that takes them for scaled ones reaches 0.72.
    assert float(told["metric.accuracy"]) > 0.85
    assert (told["minimum.accuracy"], told["minimum.f1_macro"]) == ("0.7", "0.6")
    assert told["tag"] == "abc"
    container = found["InferenceSpecification"]["Containers"][0]
    assert container["ModelDataUrl"] == run.artifacts["Training"]
    assert container["Image"] == CONFIGURATION["serving_image"]


def test_the_best_of_a_search_is_registered(
    given: dict[str, Any], data: str, tmp_path: Path
) -> None:
    configure(given, {**CONFIGURATION, "input_data": data})
    made = definition.build({**given, "search": SEARCH}, "abc")
    run = Run(made, boto3.client("s3"), tmp_path)
    run.walk()
    assert "validation:accuracy=" in run.said["Search"]
    client = boto3.client("sagemaker")
    listed = client.list_model_packages(ModelPackageGroupName=given["name"])
    arns = [one["ModelPackageArn"] for one in listed["ModelPackageSummaryList"]]
    found = client.describe_model_package(ModelPackageName=max(arns, key=version))
    container, best = found["InferenceSpecification"]["Containers"][0], run.best["Search"]
    assert container["ModelDataUrl"] == run.artifacts[best]
    # The least regularized learns more than next to nothing, so it is the best of these.
    told = found["CustomerMetadataProperties"]["drawn.regularization"]
    assert told == run.drawn[best]["regularization"]
    assert float(told) == max(float(one["regularization"]) for one in run.drawn.values())


def version(arn: str) -> int:
    return int(arn.rpartition("/")[2])


@pytest.mark.parametrize(
    ("minimums", "status", "why"),
    [
        ({"accuracy": 0.7}, "Approved", "accuracy is 0.9, and must be 0.7 or more"),
        ({"accuracy": 0.95}, "Rejected", "accuracy is 0.9, and must be 0.95 or more"),
        ({"accuracy": 0.7, "f1_macro": 0.8}, "Rejected", "; f1_macro is 0.6, and must be 0.8"),
        ({"accuracy": 0.7, "recall": 0.1}, "Rejected", "; recall is not there, and must be 0.1"),
        ({"f1_macro": 0.5, "undefined": 0.0}, "Rejected", "undefined is nan, and must be 0"),
    ],
)
def test_the_test_decides_where_it_may(
    given: dict[str, Any], account: None, minimums: dict[str, float], status: str, why: str
) -> None:
    client = boto3.client("sagemaker")
    register.ensure_group(client, given["name"])
    arn = client.create_model_package(
        ModelPackageGroupName=given["name"],
        ModelApprovalStatus="PendingManualApproval",
        CustomerMetadataProperties={"tag": "abc"},
    )["ModelPackageArn"]
    metrics = {"accuracy": 0.9, "f1_macro": 0.6, "undefined": float("nan")}
    register.decide(client, arn, metrics, minimums)
    found = client.describe_model_package(ModelPackageName=arn)
    assert found["ModelApprovalStatus"] == status
    assert why in found["ApprovalDescription"]
    assert found["CustomerMetadataProperties"]["tag"] == "abc"


def test_an_incomplete_configuration_ends_the_run(
    given: dict[str, Any], data: str, tmp_path: Path
) -> None:
    configure(given, {"input_data": data})
    run = Run(definition.build(given, "abc"), boto3.client("s3"), tmp_path)
    with pytest.raises(StepFailedError, match="target is missing: the applied scientist owes it"):
        run.walk()
    assert list(run.said) == ["Processing"]


def test_data_that_is_not_there_ends_the_run(
    given: dict[str, Any], data: str, tmp_path: Path
) -> None:
    configure(given, {**CONFIGURATION, "input_data": f"{data}-nowhere"})
    with pytest.raises(StepFailedError, match="has the ETL run"):
        Run(definition.build(given, "abc"), boto3.client("s3"), tmp_path).walk()
