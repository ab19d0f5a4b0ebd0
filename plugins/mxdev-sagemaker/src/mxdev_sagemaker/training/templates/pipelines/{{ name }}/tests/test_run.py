"""A whole run, step by step, by a double of SageMaker: from the table that the ETL leaves to the draft of a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import definition
import evaluate
import extract
import gate
import pandas as pd
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


@pytest.fixture(scope="module")
def first(given: dict[str, Any], data: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The first run, which scales the rows."""
    processors = [{"name": "deduplicate"}, {"name": "scale", "how": "minmax"}]
    values = {**CONFIGURATION, "input_data": data, "processors": processors}
    configure(given, {**values, "minimums": {"f1_macro": 0.6}})
    definitions = definition.build({**given, "search": None}, "abc")
    run = Run(definitions, boto3.client("s3"), tmp_path_factory.mktemp("first"))
    run.walk()
    return run


def newest(group: str) -> dict[str, Any]:
    """What the registry says of the version that was registered last."""
    client = boto3.client("sagemaker")
    listed = client.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    arn = max((one["ModelPackageArn"] for one in listed), key=version)
    found: dict[str, Any] = client.describe_model_package(ModelPackageName=arn)
    return found


def of_run(run: Run, group: str) -> dict[str, Any]:
    """What the registry says of the version that a run has registered."""
    client = boto3.client("sagemaker")
    listed = client.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    for one in listed:
        found: dict[str, Any] = client.describe_model_package(
            ModelPackageName=one["ModelPackageArn"]
        )
        if archive(found) == run.artifacts["Training"]:
            return found
    raise AssertionError(f"no version has {run.artifacts['Training']}")


def test_a_run_registers_a_draft(given: dict[str, Any], first: Run) -> None:
    assert "train:accuracy=" in first.said["Training"]
    found = of_run(first, given["name"])
    told = found["CustomerMetadataProperties"]
    # It was trained on scaled rows, and is asked with rows as they are: one that takes them for scaled ones reaches 0.72.
    assert float(told["metric.accuracy"]) > 0.85
    assert (told["minimum.accuracy"], told["minimum.f1_macro"]) == ("0.7", "0.6")
    assert (told["tag"], told["accepted.version"]) == ("abc", "none")
    container = found["InferenceSpecification"]["Containers"][0]
    assert container["Image"] == CONFIGURATION["serving_image"]
    assert (
        first.said["Registration"]
        .splitlines()[0]
        .endswith(f"accuracy {float(told['metric.accuracy']):.4f}")
    )


def archive(found: dict[str, Any]) -> str:
    containers = found.get("InferenceSpecification", {}).get("Containers", [{}])
    return str(containers[0].get("ModelDataUrl"))


def test_the_best_of_a_search_is_registered(
    given: dict[str, Any], data: str, tmp_path: Path
) -> None:
    configure(given, {**CONFIGURATION, "input_data": data})
    made = definition.build({**given, "search": SEARCH}, "abc")
    run = Run(made, boto3.client("s3"), tmp_path)
    run.walk()
    assert "validation:accuracy=" in run.said["Search"]
    found = newest(given["name"])
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
    account: None, minimums: dict[str, float], status: str, why: str
) -> None:
    client = boto3.client("sagemaker")
    arn = draft(client, "decisions")
    metrics = {"accuracy": 0.9, "f1_macro": 0.6, "undefined": float("nan")}
    register.decide(client, arn, gate.compare(minimums, 0, metrics, {}), {})
    found = client.describe_model_package(ModelPackageName=arn)
    assert found["ModelApprovalStatus"] == status
    assert why in found["ApprovalDescription"]
    assert found["CustomerMetadataProperties"]["tag"] == "abc"


@pytest.mark.parametrize(
    ("before", "tolerance", "status", "why"),
    [
        ({"accuracy": 0.9}, 0, "Approved", "accuracy is good enough: 0.9000 after 0.9000"),
        ({"accuracy": 0.91}, 0, "Rejected", "accuracy is worse: 0.9000 after 0.9100"),
        ({"accuracy": 0.91}, 0.02, "Approved", "accuracy is good enough: 0.9000 after 0.9100"),
        ({"accuracy": 0.91}, 0.01, "Approved", "accuracy is good enough: 0.9000 after 0.9100"),
        ({"accuracy": 0.8, "f1_macro": 0.7}, 0, "Rejected", "f1_macro is worse: 0.6000 after 0.7"),
    ],
)
def test_one_that_is_worse_than_the_accepted_is_refused(
    account: None,
    before: dict[str, float],
    tolerance: float,
    status: str,
    why: str,
) -> None:
    client = boto3.client("sagemaker")
    arn = draft(client, "decisions")
    wanted = {"accuracy": 0.5, "f1_macro": 0.5}
    rows = gate.compare(wanted, tolerance, {"accuracy": 0.9, "f1_macro": 0.6}, before)
    register.decide(client, arn, rows, {"version": 1, "metrics": before})
    found = client.describe_model_package(ModelPackageName=arn)
    assert (found["ModelApprovalStatus"], why in found["ApprovalDescription"]) == (status, True)
    assert ("  worse" in gate.table(rows)) == (status == "Rejected")


def draft(client: Any, group: str, **more: Any) -> str:
    register.ensure_group(client, group)
    made = client.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus="PendingManualApproval",
        CustomerMetadataProperties={"tag": "abc"},
        **more,
    )
    return str(made["ModelPackageArn"])


def test_a_run_is_measured_against_the_accepted_model(
    given: dict[str, Any], data: str, first: Run, tmp_path: Path
) -> None:
    client = boto3.client("sagemaker")
    accepted = of_run(first, given["name"])
    arn = accepted["ModelPackageArn"]
    client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    # A model that knows nothing is above its minimum, and far below the one that is accepted.
    values = {**CONFIGURATION, "input_data": data, "minimum_accuracy": 0.1, "regularization": 1e-9}
    configure(given, {**values, "accept_automatically": True})
    definitions = definition.build({**given, "search": None}, "abc")
    run = Run(definitions, boto3.client("s3"), tmp_path, "second")
    run.walk()
    assert "  worse" in run.said["Evaluation"]
    found = of_run(run, given["name"])
    assert found["ModelApprovalStatus"] == "Rejected"
    assert "; accuracy is worse: " in found["ApprovalDescription"]
    told, before = found["CustomerMetadataProperties"], accepted["CustomerMetadataProperties"]
    assert told["accepted.version"] == str(version(arn))
    # The processors are not the same, the rows of the evaluation are: so is what the accepted model makes of them.
    assert told["accepted.metric.accuracy"] == before["metric.accuracy"]
    client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")


def test_an_accepted_model_that_cannot_be_measured_lets_the_test_accept_nothing(
    given: dict[str, Any], account: None
) -> None:
    client, group = boto3.client("sagemaker"), "churn-gate"
    assert evaluate.accepted(group, pd.DataFrame(), "churned") == {}
    asked: dict[str, Any] = {
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    place = f"s3://{given['bucket']}/damaged.tar.gz"
    boto3.client("s3").put_object(Bucket=given["bucket"], Key="damaged.tar.gz", Body=b"no archive")
    for archive, why in ((f"{place}.gone", f"{place}.gone is not there"), (place, "ReadError: ")):
        container = {"Image": "x", "ModelDataUrl": archive}
        arn = draft(client, group, InferenceSpecification={**asked, "Containers": [container]})
        client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
        found = evaluate.accepted(group, pd.DataFrame(), "churned")
        assert found["version"] == version(arn)
        assert found["error"].startswith(why)
    candidate = draft(client, group)
    rows = gate.compare({"accuracy": 0.5}, 0, {"accuracy": 0.9}, {})
    register.decide(client, candidate, rows, {**found, "error": "ValueError: no\n'column'"})
    told = client.describe_model_package(ModelPackageName=candidate)
    assert told["ModelApprovalStatus"] == "Rejected"
    assert told["ApprovalDescription"].endswith(
        "; version 2, which is accepted, could not be measured: ValueError: no column"
    )
    # The registry takes few characters, and not many of them.
    error = {"version": 2, "error": "'a' is [no] \"column\"\n" * 40}
    assert register.measured(error)["accepted.error"].startswith("a is no column a is")
    assert len(register.measured(error)["accepted.error"]) == 256


@pytest.mark.parametrize(
    ("now", "measured", "another"),
    [
        (None, {}, ""),
        (2, {"version": 2}, ""),
        (2, {}, "version 2"),
        (3, {"version": 2}, "version 3"),
        (None, {"version": 2}, "no version"),
    ],
)
def test_it_is_judged_beside_what_is_accepted_now(
    now: int | None, measured: dict[str, Any], another: str
) -> None:
    today = gate.Accepted(now, "") if now else None
    assert register.accepted_since(today, measured) == another


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
