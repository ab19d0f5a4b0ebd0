"""The model that the page shows: which one the registry has under its alias, and what it makes of inputs."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import mlflow
import numpy as np
import torch
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.tracking import MlflowClient
from torch import Tensor

from .. import tracking
from ..task import CLASSES


class NoModelError(Exception):
    """There is no model to show; why, and what to do, in words for whoever looks at the page."""


@dataclass(frozen=True)
class Shown:
    """A version of the registered model, and what is known of it.

    Attributes:
        version: its number in the registry.
        run_id: the run that trained it.
        trained: when that run began.
        metrics: what was measured on the test data, without the `test_` before each.
        data: the version of the data that it was trained on; empty: nobody noted it.
        commit: the commit of the code that trained it; empty: nobody noted it.
        size: the shape of one input, without the number of inputs.
        example: the first of the inputs that it was logged with (1, *size).
        network: gives logits (N, classes) for inputs (N, *size).
    """

    version: str
    run_id: str
    trained: datetime
    metrics: dict[str, float]
    data: str
    commit: str
    size: tuple[int, ...]
    example: Tensor
    network: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Prediction:
    """What the model makes of one input.

    Attributes:
        label: the class that it takes it for.
        confidence: the share of that class, from 0 to 1. It is the softmax of the logits, and no promise of being right.
        shares: of every class.
    """

    label: str
    confidence: float
    shares: dict[str, float]


def load(name: str, alias: str, experiment: str) -> Shown:
    """The version of the registered model `name` that has the alias.

    Args:
        experiment: the experiment of the project's runs, in the store that `MLFLOW_TRACKING_URI` names, or in `.mlflow/`.

    Raises:
        NoModelError: there is none, or the store does not answer.
    """
    try:
        tracking.open_store(experiment)
        client = MlflowClient()
        version = client.get_model_version_by_alias(name, alias)
        run = client.get_run(str(version.run_id))
        with tempfile.TemporaryDirectory() as folder:
            uri = f"models:/{name}/{version.version}"
            place = mlflow.artifacts.download_artifacts(uri, dst_path=folder)
            logged = Model.load(place)
            inputs = logged.load_input_example(place)
            network = mlflow.pytorch.load_model(place, map_location="cpu")
    except (MlflowException, OSError, ImportError, RuntimeError) as problem:
        raise NoModelError(
            f"There is no model to show: the registry at {mlflow.get_tracking_uri()} has no version of {name} "
            f"with the alias {alias}, or does not hand it out ({getattr(problem, 'error_code', problem)})."
        ) from problem
    signature = logged.signature
    if signature is None or not signature.inputs.is_tensor_spec() or inputs is None:
        raise NoModelError(
            f"Version {version.version} of {name} does not say what it takes: it has no signature of a tensor, or no example."
        )
    taken = signature.inputs.inputs[0]
    measured = run.data.metrics.items()
    return Shown(
        version=str(version.version),
        run_id=run.info.run_id,
        trained=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        metrics={
            key.removeprefix("test_"): value for key, value in measured if key.startswith("test_")
        },
        data=run.data.params.get(tracking.DATA, ""),
        commit=run.data.tags.get("git.commit", "").removeprefix("none"),
        size=tuple(taken.shape[1:]),
        example=torch.from_numpy(np.asarray(inputs[:1], dtype=taken.type)),
        network=cast(Callable[[Tensor], Tensor], network),
    )


@torch.no_grad()
def predict(shown: Shown, inputs: Tensor) -> list[Prediction]:
    """What the model makes of each of the inputs (N, *size)."""
    predictions = []
    for shares in shown.network(inputs).softmax(dim=1).tolist():
        best = max(range(len(shares)), key=shares.__getitem__)
        named = dict(zip(CLASSES, shares, strict=True))
        predictions.append(Prediction(CLASSES[best], shares[best], named))
    return predictions
