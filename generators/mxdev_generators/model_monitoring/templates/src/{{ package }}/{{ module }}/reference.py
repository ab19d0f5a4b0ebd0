"""Makes the profile of the data that a model was trained on, by the loader that trained it, and keeps it with the run."""

import logging
from collections.abc import Iterable
from typing import Any

import mlflow
import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor

from .. import config as configuration
from .. import tracking
from ..data.loader import Loader, Step
from ..processes import Processes
from . import attacks, features
from .profile import Numbers, Profile, load, save
from .settings import Settings

log = logging.getLogger(__name__)


class NoReferenceError(Exception):
    """There is nothing to compare with; why, and what to do."""


def of_run(run_id: str, settings: Settings) -> Profile:
    """The profile of a run; it is made the first time that somebody asks for it.

    Raises:
        NoReferenceError: the data is not what the run was trained on any more, or its configuration is not of this code.
    """
    found = load(run_id)
    if found is None:
        log.info("run %s has no profile of its data yet; it is made now", run_id)
        found = make(run_id, settings)
        save(found, run_id)
    return found


def make(run_id: str, settings: Settings) -> Profile:
    """Read the run's training data, and ask its model about data that it was not trained on."""
    try:
        logged = OmegaConf.create(mlflow.artifacts.load_dict(f"runs:/{run_id}/config.json"))
        then = configuration.trainer_config(logged)
    except Exception as problem:
        raise NoReferenceError(
            f"run {run_id} has no configuration that this code knows ({problem}); its tag git.commit names the code that does"
        ) from problem
    datasets = then.task.datasets()
    trained_on = mlflow.get_run(run_id).data.params.get(tracking.DATA)
    if datasets.version().sha256 != trained_on:
        raise NoReferenceError(
            f"the data is not what run {run_id} was trained on ({tracking.DATA} {trained_on}); train again"
        )
    # In this process: what is read is little.
    then.training.workers = 0
    alone = Processes(0, 1, torch.device("cpu"))
    loader = Loader(datasets.train, datasets.collate, then.training, alone)
    names, trained = _rows(loader.epoch(then.seed), settings.reference_rows, settings)
    model = mlflow.pytorch.load_model(f"runs:/{run_id}/model", map_location="cpu")
    held_out, outputs, targets = _held_out(
        model, Loader(datasets.validation, datasets.collate, then.training, alone), settings
    )
    return profile(names, trained, held_out, outputs, features.error(outputs, targets), settings)


def profile(
    names: list[str],
    trained: Numbers,
    held_out: Numbers,
    outputs: Numbers,
    error: float,
    settings: Settings,
) -> Profile:
    """The profile of rows.

    Args:
        names: of the features.
        trained: rows of the training data, in an order by chance.
        held_out: rows that the model was not trained on.
        outputs: what it makes of those.
        error: how wrong it is about them.
        settings: how many rows are kept.
    """
    sample = trained[: settings.sample_rows]
    scaled = attacks.scale(sample)
    near = attacks.among_themselves(scaled.of(sample))
    far = attacks.to_nearest(scaled.of(held_out), scaled.of(sample))
    return Profile(
        names=np.asarray(names, dtype=np.str_),
        sample=sample,
        rows=len(trained),
        low=np.nanmin(trained, axis=0),
        high=np.nanmax(trained, axis=0),
        missing=np.isnan(trained).mean(axis=0),
        outputs=outputs,
        near=float(np.quantile(near, 0.01)),
        far=float(np.quantile(far, 0.99)),
        error=error,
    )


def _numbers(inputs: Any) -> Any:
    if isinstance(inputs, Tensor):
        return inputs.numpy()
    if isinstance(inputs, dict):
        return {name: value.numpy() for name, value in inputs.items()}
    raise NoReferenceError(
        f"a batch of the training data is {type(inputs).__name__}, and no tensor, nor tensors by name: see features.py"
    )


def _rows(steps: Iterable[Step], most: int, settings: Settings) -> tuple[list[str], Numbers]:
    """The features of the first rows, of as many as are wanted."""
    names: list[str] = []
    found: list[Numbers] = []
    for part in (part for step in steps for part in step):
        names, rows = features.table(_numbers(part.inputs), settings.most_features, settings.names)
        found.append(rows)
        if sum(map(len, found)) >= most:
            break
    return names, np.concatenate(found)[:most]


@torch.no_grad()
def _held_out(model: Any, loader: Loader, settings: Settings) -> tuple[Numbers, Numbers, Any]:
    found, outputs, targets = [], [], []
    for part in loader.in_order():
        found.append(
            features.table(_numbers(part.inputs), settings.most_features, settings.names)[1]
        )
        answer = model(part.inputs).numpy().astype(np.float64)
        outputs.append(answer.reshape(len(answer), -1))
        targets.append(np.asarray(part.targets))
        if sum(map(len, found)) >= settings.sample_rows:
            break
    return np.concatenate(found), np.concatenate(outputs), np.concatenate(targets)
