"""Checkpoints: how far a training run is, kept with the run, so that it goes on where it was interrupted."""

import io
import logging
import pickle
import tempfile
from pathlib import Path

import mlflow
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

log = logging.getLogger(__name__)

FOLDER = "checkpoint"
# In turns: while one is written, the other is whole.
NAMES = ("one.pt", "other.pt")


class Progress:
    """How far training is.

    Attributes:
        epoch: the last epoch that is done; 0 before the first.
        best_loss: the lowest validation loss so far.
        best_weights: the weights that gave it.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer) -> None:
        self.model, self.optimizer = model, optimizer
        self.epoch = 0
        self.best_loss = float("inf")
        self.best_weights: dict[str, Tensor] = model.state_dict()

    def note(self, validation_loss: float) -> None:
        """One more epoch is done; keep its weights if they are the best."""
        self.epoch += 1
        if validation_loss < self.best_loss:
            self.best_loss = validation_loss
            weights = self.model.state_dict()
            self.best_weights = {name: value.clone() for name, value in weights.items()}

    def dump(self) -> bytes:
        """Everything that what is still to come depends on, also the state of the random numbers."""
        file = io.BytesIO()
        state = {
            "epoch": self.epoch,
            "best_loss": self.best_loss,
            "best_weights": self.best_weights,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }
        if torch.accelerator.is_available():
            state["accelerator_random"] = torch.get_device_module().get_rng_state()
        torch.save(state, file)
        return file.getvalue()

    def load(self, data: bytes) -> None:
        """Be as far as the one that was dumped."""
        # On the CPU, where the state of the random numbers has to be; weights go to the model's device by themselves.
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        self.epoch, self.best_loss = state["epoch"], state["best_loss"]
        self.best_weights = state["best_weights"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        if "accelerator_random" in state and torch.accelerator.is_available():
            torch.get_device_module().set_rng_state(state["accelerator_random"])


def save(progress: Progress, every: int) -> None:
    """Log a checkpoint to the active run when `every` epochs have passed since the last; 0 is never."""
    if not every or progress.epoch % every:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, NAMES[progress.epoch // every % 2])
        path.write_bytes(progress.dump())
        mlflow.log_artifact(str(path), FOLDER)


def last(run_id: str) -> bytes | None:
    """The last whole checkpoint of a run, None if it has none."""
    found: dict[int, bytes] = {}
    for item in mlflow.artifacts.list_artifacts(run_id=run_id, artifact_path=FOLDER):
        with tempfile.TemporaryDirectory() as folder:
            path = mlflow.artifacts.download_artifacts(
                run_id=run_id, artifact_path=item.path, dst_path=folder
            )
            data = Path(path).read_bytes()
        try:
            state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError):
            log.warning("%s of run %s is damaged: the one before it is taken.", item.path, run_id)
        else:
            found[state["epoch"]] = data
    return found[max(found)] if found else None
