"""Where runs are kept, and how they are found again."""

import os
from pathlib import Path

import mlflow
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from .provenance import project_root

TRAINING = "training"
EVALUATION = "evaluation"
STAGE = "stage"


def open_store(experiment: str) -> str:
    """Choose the tracking store and the experiment, and return the experiment's id.

    `MLFLOW_TRACKING_URI` names the store (`mx flow run` sets it); without it, it is `.mlflow/` in the
    project. Where `mlflow run` has started a run already, its experiment is taken.
    """
    if not mlflow.is_tracking_uri_set():
        folder = project_root() / ".mlflow"
        folder.mkdir(exist_ok=True)
        mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        _create(experiment, folder / "artifacts")
    if run_id := os.environ.get("MLFLOW_RUN_ID"):
        started = mlflow.get_run(run_id).info.experiment_id
        return str(mlflow.set_experiment(experiment_id=started).experiment_id)
    return str(mlflow.set_experiment(experiment).experiment_id)


def last_step(run_id: str) -> int:
    """The last epoch that a run has logged; 0 before the first."""
    history = MlflowClient().get_metric_history(run_id, "train_loss")
    return max((entry.step for entry in history), default=0)


def find_run(experiment_id: str, run_id: str) -> Run:
    """The run with this id, or with `latest` the training run that finished last.

    Raises:
        SystemExit: there is none.
    """
    client = MlflowClient()
    if run_id != "latest":
        return client.get_run(run_id)
    found = client.search_runs(
        [experiment_id],
        f"attributes.status = 'FINISHED' and tags.{STAGE} = '{TRAINING}'",
        max_results=1,
        order_by=["attributes.end_time DESC"],
    )
    if not found:
        store, package = mlflow.get_tracking_uri(), __package__
        raise SystemExit(
            f"No finished training run in experiment {experiment_id} of {store}.\n"
            f"Train first: python -m {package}.trainer"
        )
    return found[0]


def _create(experiment: str, artifacts: Path) -> None:
    if mlflow.get_experiment_by_name(experiment) is None:
        mlflow.create_experiment(experiment, artifact_location=artifacts.as_uri())
