"""The last step: registers the model as a draft, with its metrics. Somebody, or the automatic test, accepts or refuses it."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import boto3
import configuration
from botocore.exceptions import BotoCoreError, ClientError


def minimums(values: dict[str, Any]) -> dict[str, float]:
    """What each metric must reach for the automatic test to accept the model."""
    return {"accuracy": values["minimum_accuracy"], **values["minimums"]}


def package(
    values: dict[str, Any], metrics: dict[str, float], drawn: dict[str, Any]
) -> dict[str, Any]:
    """The request that makes the model package; `drawn` is what a search has found best."""
    told = {name: f"{value:.6f}" for name, value in metrics.items()}
    return {
        "ModelPackageGroupName": os.environ["MODEL_PACKAGE_GROUP"],
        "ModelApprovalStatus": "PendingManualApproval",
        "ModelPackageDescription": f"Trained on {values['input_data']}",
        "InferenceSpecification": {
            "Containers": [
                {"Image": values["serving_image"], "ModelDataUrl": os.environ["MODEL_DATA"]}
            ],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
            "SupportedRealtimeInferenceInstanceTypes": [values["serving_instance"]],
            "SupportedTransformInstanceTypes": [values["serving_instance"]],
        },
        "ModelMetrics": {
            "ModelQuality": {
                "Statistics": {
                    "ContentType": "application/json",
                    "S3Uri": f"{os.environ['EVALUATION']}/evaluation.json",
                }
            }
        },
        "CustomerMetadataProperties": {
            **{f"metric.{name}": value for name, value in told.items()},
            **{f"drawn.{name}": str(value) for name, value in drawn.items()},
            **{f"minimum.{name}": str(value) for name, value in minimums(values).items()},
            "input_data": values["input_data"],
            "seed": str(values["seed"]),
            "execution": os.environ["EXECUTION"],
            "tag": os.environ["TAG"],
        },
    }


def ensure_group(client: Any, name: str) -> None:
    """Make the group of the pipeline's models, unless it is there."""
    try:
        client.describe_model_package_group(ModelPackageGroupName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ValidationException", "ResourceNotFound"):
            raise
        client.create_model_package_group(ModelPackageGroupName=name)


def main() -> None:
    """Register the model."""
    data = configuration.ML / "processing"
    values = configuration.read(data / "configuration")
    report = json.loads((data / "evaluation/evaluation.json").read_text(encoding="utf-8"))
    drawn = json.loads((data / "evaluation/drawn.json").read_text(encoding="utf-8"))
    metrics = {name: it["value"] for name, it in report["classification_metrics"].items()}
    client = boto3.client("sagemaker")
    ensure_group(client, os.environ["MODEL_PACKAGE_GROUP"])
    made = client.create_model_package(**package(values, metrics, drawn))
    arn = made["ModelPackageArn"]
    print(f"{arn} is a draft: accuracy {metrics['accuracy']:.4f}")
    if values["accept_automatically"]:
        decide(client, arn, metrics, minimums(values))


def decide(client: Any, arn: str, metrics: dict[str, float], minimums: dict[str, float]) -> None:
    """Accept or refuse the draft by its test; the registry says why. The platform must allow it to this pipeline.

    A metric that is not there, or is no number, is below every minimum.
    """
    lines, good = [], True
    for name, minimum in sorted(minimums.items()):
        reached = metrics.get(name)
        good &= reached is not None and reached >= minimum
        said = "is not there" if reached is None else f"is {reached:g}"
        lines.append(f"{name} {said}, and must be {minimum:g} or more")
    status, reason = "Approved" if good else "Rejected", f"by its test: {'; '.join(lines)}"
    properties = client.describe_model_package(ModelPackageName=arn)["CustomerMetadataProperties"]
    client.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus=status,
        ApprovalDescription=reason[:1024],
        CustomerMetadataProperties={**properties, "decided_by": "its test"},
    )
    print(f"{arn} is {status}, {reason}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, KeyError, BotoCoreError, ClientError) as error:
        sys.exit(f"error: {error}")
