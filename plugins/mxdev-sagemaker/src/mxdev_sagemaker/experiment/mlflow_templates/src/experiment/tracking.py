"""Tracking with MLflow: one line records a run. MLFLOW_TRACKING_URI names the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mlflow
from mxdev_saver import Version

from experiment.settings import NAME
from experiment.store import where


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
        The id of the run in MLflow.
    """
    mlflow.set_experiment(NAME)
    with mlflow.start_run(run_name=name) as run:
        mlflow.log_params(dict(parameters))
        mlflow.log_metrics({key: float(value) for key, value in metrics.items()})
        mlflow.set_tags(
            {f"object.{key}": where(version) for key, version in (objects or {}).items()}
        )
    return str(run.info.run_id)
