"""Tracking with SageMaker Experiments: one line records a run."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
from mxdev_saver import Version

from experiment.settings import NAME, REGION
from experiment.store import where

# So many metrics SageMaker takes at once.
_BATCH = 10
_NO_NAME = re.compile(r"[^A-Za-z0-9]+")


def track(
    name: str,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    objects: Mapping[str, Version] | None = None,
) -> str:
    """Record a run with what it was given, what came of it, and the versions that it read and wrote.

    Args:
        name: what was tried, such as "baseline".
        parameters: numbers or words.
        metrics: numbers.
        objects: what `data.load`, `data.save` and `models.save` answered.

    Returns:
        The name of the run in SageMaker Experiments.
    """
    sagemaker = boto3.client("sagemaker", region_name=REGION)
    trial, now = _NO_NAME.sub("-", f"{NAME}-{name}").strip("-"), datetime.now(UTC)
    run = f"{trial[:80]}-{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
    _ensure(sagemaker, trial)
    sagemaker.create_trial_component(
        TrialComponentName=run,
        DisplayName=name,
        Status={"PrimaryStatus": "Completed"},
        StartTime=now,
        EndTime=now,
        Parameters={key: _value(value) for key, value in parameters.items()},
        OutputArtifacts={
            key: {"Value": where(version)} for key, version in (objects or {}).items()
        },
    )
    sagemaker.associate_trial_component(TrialComponentName=run, TrialName=trial)
    points = [
        {"MetricName": key, "Value": float(value), "Timestamp": now, "Step": 0}
        for key, value in metrics.items()
    ]
    recorder = boto3.client("sagemaker-metrics", region_name=REGION)
    for at in range(0, len(points), _BATCH):
        answer = recorder.batch_put_metrics(
            TrialComponentName=run, MetricData=points[at : at + _BATCH]
        )
        if errors := answer.get("Errors"):
            raise RuntimeError(f"SageMaker has not taken all metrics of {run}: {errors}")
    return run


def _ensure(sagemaker: Any, trial: str) -> None:
    """Make the experiment and the trial, unless they are there."""
    from botocore.exceptions import ClientError

    for make in (
        lambda: sagemaker.create_experiment(ExperimentName=NAME),
        lambda: sagemaker.create_trial(TrialName=trial, ExperimentName=NAME),
    ):
        try:
            make()
        except ClientError as error:
            told = error.response["Error"]
            if "already exist" not in told.get("Message", "") and told["Code"] != "ResourceInUse":
                raise


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"NumberValue": float(value)}
    return {"StringValue": str(value)}
