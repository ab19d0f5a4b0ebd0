"""Checkpoints: how far a training run is, kept with the run, so that it goes on where it was interrupted."""

import hashlib
import json
import logging
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import mlflow
import torch
from mlflow.exceptions import MlflowException

log = logging.getLogger(__name__)

FOLDER = "checkpoint"
# In turns: while one is written, the other is whole.
NAMES = ("one.pt", "other.pt")
# The tag with what is known of both, the newest first. It is set when a file is there, so the file is whole.
TAG = "checkpoint"
_BLOCK = 1 << 20


@dataclass
class Progress:
    """How far training is.

    Attributes:
        epoch: the last epoch that is done; 0 before the first.
        step: how many steps of the next one are done.
        losses: what each process has added up in these steps: losses times examples.
        best_epoch: the epoch with the lowest validation loss so far; 0 before the first.
        best_loss: that loss.
    """

    epoch: int = 0
    step: int = 0
    losses: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = float("inf")

    def note(self, validation_loss: float) -> bool:
        """One more epoch is done. Whether it is the best."""
        self.epoch += 1
        self.step, self.losses = 0, []
        if validation_loss >= self.best_loss:
            return False
        self.best_epoch, self.best_loss = self.epoch, validation_loss
        return True


def write(path: Path, progress: Progress, state: dict[str, Any]) -> None:
    """Write a checkpoint: `progress`, and the weights and whatever else is in `state`."""
    save({**state, "progress": asdict(progress)}, path)


def save(content: dict[str, Any], path: Path) -> None:
    """Write weights into a file: all of them, or it stays as it was.

    Raises:
        OSError: there is no room for them, or the disk fails.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        torch.save(content, part)
        part.replace(path)
    except (OSError, RuntimeError) as problem:
        part.unlink(missing_ok=True)
        free = shutil.disk_usage(path.parent).free // 1_000_000
        raise OSError(
            f"{path} cannot be written: {problem}. {free} MB are free on its disk; TMPDIR names another place."
        ) from problem


def read(path: Path) -> tuple[Progress, dict[str, Any]]:
    """What was written, on the CPU. Tensors are read from the file when they are used; no code in it is run."""
    state = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    return Progress(**state.pop("progress")), state


class Keeper:
    """Keeps the checkpoints of a run in the tracking store.

    Args:
        run_id: the run.
        folder: where files lie on the way.
        every: a checkpoint after so many epochs; 0: never.
        minutes: a checkpoint when so many minutes have passed since the last; 0: never.
    """

    def __init__(self, run_id: str, folder: Path, every: int, minutes: float) -> None:
        self._run_id, self._folder = run_id, folder
        self._every, self._minutes = every, minutes
        self._known: list[dict[str, Any]] = []
        self._last = time.monotonic()

    def due_by_time(self) -> bool:
        """Whether the last checkpoint is too old."""
        return bool(self._minutes) and time.monotonic() - self._last >= 60 * self._minutes

    def due_after(self, epoch: int) -> bool:
        """Whether there is to be one after this epoch."""
        return bool(self._every) and epoch % self._every == 0

    def keep(self, progress: Progress, state: dict[str, Any]) -> None:
        """Log a checkpoint to the run.

        Where that fails, it is said and training goes on: the run has the one before, and the next is due as always.
        """
        self._last = time.monotonic()
        try:
            self._keep(progress, state)
        except (MlflowException, OSError) as problem:
            done = f"epoch {progress.epoch} and {progress.step} steps"
            log.warning("no checkpoint is kept after %s, training goes on: %s", done, problem)

    def _keep(self, progress: Progress, state: dict[str, Any]) -> None:
        newest = self._known[0]["file"] if self._known else NAMES[1]
        path = self._folder / next(name for name in NAMES if name != newest)
        write(path, progress, state)
        entry = {
            "file": path.name,
            "epoch": progress.epoch,
            "step": progress.step,
            "sha256": _sha256(path),
        }
        mlflow.log_artifact(str(path), FOLDER, run_id=self._run_id)
        known = [entry, *self._known][: len(NAMES)]
        mlflow.MlflowClient().set_tag(self._run_id, TAG, json.dumps(known))
        # Only now: until the tag says so, the next one is written over this file again, and not over the last good one.
        self._known = known
        path.unlink()

    def last(self) -> Path | None:
        """The last whole checkpoint of the run, as a file in the folder; None if it has none.

        Raises:
            RuntimeError: it has one that cannot be read now. To begin again would throw away what was trained.
        """
        tag = mlflow.get_run(self._run_id).data.tags.get(TAG)
        self._known = json.loads(tag) if tag else []
        while self._known:
            entry = self._known[0]
            name = f"{FOLDER}/{entry['file']}"
            path = self._download(name)
            if _sha256(path) == entry["sha256"]:
                return path
            path.unlink()
            log.warning("%s of run %s is damaged: the one before it is taken.", name, self._run_id)
            self._known.pop(0)
        return None

    def _download(self, name: str) -> Path:
        # In a place of its own: what goes on from it reads from the file to the end, and it must not be written over.
        place = self._folder / "read"
        place.mkdir(exist_ok=True)
        try:
            return Path(
                mlflow.artifacts.download_artifacts(
                    run_id=self._run_id, artifact_path=name, dst_path=str(place)
                )
            )
        except (MlflowException, OSError) as problem:
            raise RuntimeError(
                f"{name} of run {self._run_id} cannot be read: {problem}. When the store answers again, the run can go on. "
                f"If the file is gone for good, delete the run's tag {TAG!r}, and it begins anew."
            ) from problem


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
