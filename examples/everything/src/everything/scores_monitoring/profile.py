"""What the model was trained on, small enough to be kept with its run."""

import tempfile
from dataclasses import dataclass, fields
from pathlib import Path

import mlflow
import numpy as np
import numpy.typing as npt
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

Numbers = npt.NDArray[np.float64]

FILE = "monitoring.npz"


@dataclass(frozen=True)
class Profile:
    """The training data as served data is compared with it.

    Attributes:
        names: of the features.
        sample: rows of the training data, drawn at random (rows, features).
        rows: how many rows the next three are of.
        low: the least value of each feature.
        high: the greatest one.
        missing: the share of each feature that is missing.
        outputs: what the model makes of data that it was not trained on (rows, outputs).
        near: so near to another row is one of a hundred rows of the training data.
        far: so far from the sample is one of a hundred rows that the model was not trained on.
        error: how often the model is wrong about those, or by how much where it answers with a number; may be NaN.
    """

    names: npt.NDArray[np.str_]
    sample: Numbers
    rows: int
    low: Numbers
    high: Numbers
    missing: Numbers
    outputs: Numbers
    near: float
    far: float
    error: float


def save(profile: Profile, run_id: str) -> None:
    """Keep the profile among the files of a run."""
    arrays = {one.name: getattr(profile, one.name) for one in fields(profile)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, FILE)
        np.savez_compressed(path, **arrays)
        MlflowClient().log_artifact(run_id, str(path))


def load(run_id: str) -> Profile | None:
    """The profile that a run has; None: it has none."""
    with tempfile.TemporaryDirectory() as folder:
        if FILE not in {one.path for one in MlflowClient().list_artifacts(run_id)}:
            return None
        path = mlflow.artifacts.download_artifacts(f"runs:/{run_id}/{FILE}", dst_path=folder)
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    for name in ("rows", "near", "far", "error"):
        found[name] = found[name].item()
    return Profile(**found)


def run_of(model: str, version: str) -> str | None:
    """The run that trained a version of a registered model; a version may be a run's id itself. None: there is none."""
    try:
        if len(version) == 32:
            return str(MlflowClient().get_run(version).info.run_id)
        return str(MlflowClient().get_model_version(model, version).run_id)
    except MlflowException as problem:
        if problem.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
