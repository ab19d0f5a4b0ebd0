"""Where runs are kept, what is written into them, and how they are found again."""

import logging
import os
import tempfile
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import mlflow
import torch
from mlflow.entities import Run
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient
from torch import Tensor, nn

from . import config as configuration
from . import provenance
from .config import RegistryConfig, TrainerConfig
from .data import Version
from .processes import Processes
from .provenance import Code, project_root

log = logging.getLogger(__name__)

TRAINING = "training"
EVALUATION = "evaluation"
STAGE = "stage"
# The parameter with the version of the data.
DATA = "data.sha256"
# A tag has room for 8,000 characters.
_TAG = 5000
# Characters of the list of all files; a longer one is in the run by its hash alone.
_MANIFEST = 5_000_000


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


def log_origin(config: TrainerConfig, processes: Processes) -> None:
    """Log what is needed to do this run again: configuration, code and versions. The version of the data follows."""
    mlflow.set_tag(STAGE, TRAINING)
    mlflow.log_params(configuration.flat(config))
    mlflow.log_dict(asdict(config), "config.json")
    mlflow.log_text("\n".join(provenance.versions()) + "\n", "requirements.txt")
    mlflow.set_tags(
        {
            "torch": torch.__version__,
            "device": str(processes.device),
            "processes": processes.count,
        }
    )
    log_code(provenance.code(provenance.project_root()))


def log_code(code: Code) -> None:
    """Log the state of the repository to the active run, and say what of it is not recorded.

    `git.uncommitted` is true also where Git could not tell: then there is `git.problem`, and no diff.
    """
    tags = {"git.commit": code.commit, "git.uncommitted": bool(code.diff or code.problem)}
    if code.problem:
        tags["git.problem"] = code.problem[:_TAG]
        log.warning("Git cannot tell what of the code is not committed: %s", code.problem)
    if code.left_out:
        words = "; ".join(code.left_out)
        tags["git.left_out"] = words[:_TAG]
        log.warning("not committed, and not recorded with the run: %s", words)
    mlflow.set_tags(tags)
    if code.diff:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "uncommitted.diff")
            path.write_bytes(code.diff)
            mlflow.log_artifact(str(path))


def log_version(version: Version) -> None:
    """Log the version of the data to the active run, and what it was made of and how where that is short.

    Raises:
        RuntimeError: the run has begun with other data.
    """
    active = mlflow.active_run()
    before = MlflowClient().get_run(active.info.run_id).data.params.get(DATA) if active else None
    if before == version.sha256:
        return
    if before:
        raise RuntimeError(
            f"The data has changed since the run began: {DATA} was {before} and is {version.sha256}. Start a new run."
        )
    mlflow.log_param(DATA, version.sha256)
    if 0 < len(version.manifest) <= _MANIFEST:
        mlflow.log_text(version.manifest, "data.txt")
    if 0 < len(version.lineage) <= _MANIFEST:
        mlflow.log_text(version.lineage, "lineage.json")


def log_model(model: nn.Module, example: Tensor) -> str:
    """Log the model with its signature, as a graph that loads without this package and without pickle; its URI."""
    with torch.no_grad():
        signature = infer_signature(example.numpy(), model(example).numpy())
    logged = mlflow.pytorch.log_model(
        model,
        name="model",
        signature=signature,
        input_example=example.numpy(),
        serialization_format="pt2",
        # Named here because finding them out takes MLflow longer than the training.
        pip_requirements=[f"{name}=={metadata.version(name)}" for name in ("mlflow", "torch")],
    )
    return str(logged.model_uri)


def register_model(model_uri: str, config: RegistryConfig, metrics: dict[str, float]) -> None:
    """Make the model a version of the registered one, if it is to be one: with the metrics, and with the alias.

    A run that was interrupted after this has a version already, and gets no second one.
    """
    name, active = config.registered_model_name, mlflow.active_run()
    if not name or active is None:
        return
    client, run_id = MlflowClient(), active.info.run_id
    made = [one for one in client.search_model_versions(f"run_id = '{run_id}'") if one.name == name]
    version = made[0] if made else mlflow.register_model(model_uri, name)
    for metric, value in metrics.items():
        client.set_model_version_tag(name, version.version, f"test_{metric}", f"{value:.6g}")
    if config.alias:
        client.set_registered_model_alias(name, config.alias, version.version)
    log.info("registered as version %s of %s", version.version, name)


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
