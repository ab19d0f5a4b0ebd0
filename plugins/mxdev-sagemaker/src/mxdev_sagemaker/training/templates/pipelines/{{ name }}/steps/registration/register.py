"""The last step: registers the model as a draft, with its metrics. Somebody, or the automatic test, accepts or refuses it."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

import boto3
import configuration
import gate
from botocore.exceptions import BotoCoreError, ClientError


def package(
    values: dict[str, Any],
    metrics: dict[str, float],
    drawn: dict[str, Any],
    accepted: dict[str, Any],
) -> dict[str, Any]:
    """The request that makes the model package.

    `drawn` is what a search has found best, `accepted` what the evaluation has found of the model that is accepted.
    """
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
            **{f"minimum.{name}": str(value) for name, value in gate.minimums(values).items()},
            **measured(accepted),
            "tolerance": str(values["tolerance"]),
            "input_data": values["input_data"],
            "seed": str(values["seed"]),
            "execution": os.environ["EXECUTION"],
            "tag": os.environ["TAG"],
        },
    }


def measured(accepted: dict[str, Any]) -> dict[str, str]:
    """What the registry is told of the model that the candidate was compared with, on the same rows."""
    told = {"accepted.version": str(accepted.get("version", "none"))}
    for name, value in accepted.get("metrics", {}).items():
        told[f"accepted.metric.{name}"] = f"{value:.6f}"
    if "error" in accepted:
        told["accepted.error"] = _cleaned(accepted["error"])
    return told


def _cleaned(text: str) -> str:
    """What the registry takes of a text: no quotes, no brackets and no line breaks, and not more of it."""
    return re.sub(r"[^\w.:/=+@-]+", " ", text).strip()[:256]


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
    accepted = json.loads((data / "evaluation/accepted.json").read_text(encoding="utf-8"))
    metrics = {name: it["value"] for name, it in report["classification_metrics"].items()}
    client = boto3.client("sagemaker")
    ensure_group(client, os.environ["MODEL_PACKAGE_GROUP"])
    made = client.create_model_package(**package(values, metrics, drawn, accepted))
    arn = made["ModelPackageArn"]
    print(f"{arn} is a draft: accuracy {metrics['accuracy']:.4f}")
    if values["accept_automatically"]:
        now = gate.accepted(client, os.environ["MODEL_PACKAGE_GROUP"])
        if another := accepted_since(now, accepted):
            print(f"{arn} stays a draft: {another} is accepted now, not what it was measured with")
            return
        before = accepted.get("metrics", {})
        rows = gate.compare(gate.minimums(values), values["tolerance"], metrics, before)
        decide(client, arn, rows, accepted)


def accepted_since(now: gate.Accepted | None, accepted: dict[str, Any]) -> str:
    """What is accepted now; "" if it is still what the candidate was measured with."""
    today = str(now.version) if now else "none"
    if today == str(accepted.get("version", "none")):
        return ""
    return f"version {today}" if now else "no version"


def decide(client: Any, arn: str, rows: list[gate.Row], accepted: dict[str, Any]) -> None:
    """Accept or refuse the draft by its test; the registry says why. The platform must allow it to this pipeline.

    One that cannot be compared with the accepted model is refused: a person may accept it all the same.
    """
    reason = f"by its test: {gate.explain(rows)}"
    if "error" in accepted:
        reason += f"; version {accepted['version']}, which is accepted, could not be measured: {_cleaned(accepted['error'])}"
    good = all(row.good for row in rows) and "error" not in accepted
    status = "Approved" if good else "Rejected"
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
