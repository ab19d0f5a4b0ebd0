"""The training itself: epochs, steps, validation, and going on from a checkpoint."""

import copy
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from . import checkpoint, evaluation
from .checkpoint import Keeper, Progress
from .config import TrainerConfig
from .data import Datasets
from .data.loader import Loader, Step, moved
from .data.plan import number_of
from .device import autocast
from .optimization import Optimization
from .processes import Processes
from .stopping import Stopping, end

log = logging.getLogger(__name__)

Metrics = dict[str, float]
# What a process may wish after a step; the largest wish of all is done by all.
GO_ON, KEEP, STOP = range(3)
_REMEDY = (
    "A smaller training.learning_rate, training.clip_norm, or training.precision=fp32 may help"
)


class Fit:
    """One training of `model`, in place.

    Args:
        model: what is trained, on the device of this process.
        config: how.
        datasets: on what.
        processes: those that train together; each makes one of these.
        folder: where files lie for the time of the training.
        keeper: keeps checkpoints; the first process has it, and only that one.
        stopping: tells when to end early.
    """

    def __init__(
        self,
        model: nn.Module,
        config: TrainerConfig,
        datasets: Datasets,
        processes: Processes,
        folder: Path,
        keeper: Keeper | None = None,
        stopping: Stopping | None = None,
    ) -> None:
        self.model, self.processes = model, processes
        self.progress = Progress()
        self._config, self._task = config.training, config.task
        self._seed = config.seed
        self._keeper, self._stopping = keeper, stopping or Stopping()
        self._train = Loader(
            datasets.train, datasets.collate, self._config, processes, self._config.accumulate
        )
        self._validation = Loader(datasets.validation, datasets.collate, self._config, processes)
        steps = self._config.epochs * self._train.steps
        self._optimization = Optimization(model, self._config, steps, processes.device)
        self._cast = autocast(processes.device, self._config.precision)
        self._losses = evaluation.nothing(processes.device)
        self._best = folder / "best.pt"

    def go_on_from(self, path: Path) -> None:
        """Be as far as the checkpoint is."""
        self.progress, state = checkpoint.read(path)
        self.model.load_state_dict(state["model"])
        self._optimization.load(state)
        if self.processes.first and state["best"]:
            checkpoint.save(state["best"], self._best)
        self._take_losses()

    def run(self, on_epoch: Callable[[Progress, Metrics], None]) -> None:
        """Train to the end; afterwards the model has the weights of its best epoch and is in evaluation mode.

        Args:
            on_epoch: called after every epoch with how far training is (epochs count from 1) and the epoch's metrics.
        """
        parallel = self.processes.parallel(self.model)
        self._try_smallest_part()
        with self._stopping.held():
            while self.progress.epoch < self._config.epochs and not self._out_of_patience():
                self._epoch(parallel)
                metrics = self._measure()
                if self.progress.note(metrics["validation_loss"]) and self.processes.first:
                    checkpoint.save(self.model.state_dict(), self._best)
                on_epoch(self.progress, metrics)
                if self._keeper and self._keeper.due_after(self.progress.epoch):
                    self._keep()
        self._take_best()

    def _try_smallest_part(self) -> None:
        """Say now, and not at the end of the first epoch, that a network which normalizes over the batch takes no single example.

        Raises:
            ValueError: it does not.
        """
        kinds = nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d
        normalizes = any(isinstance(part, kinds) for part in self.model.modules())
        if self._train.least > 1 or not normalizes:
            return
        inputs = moved(self._task.example()[:1], self.processes.device)
        try:
            with torch.no_grad(), self._cast:
                copy.deepcopy(self.model).train()(inputs)
        except ValueError as problem:
            raise ValueError(
                f"A part of a step has one example, which a network that normalizes over the batch cannot learn from: {problem}. "
                f"Change training.batch_size ({self._config.batch_size}, of {self._train.size} examples in all) or "
                f"training.accumulate ({self._config.accumulate})."
            ) from problem

    def _epoch(self, parallel: nn.Module) -> None:
        """The steps of the epoch that is under way."""
        parallel.train()
        epoch, rank = self.progress.epoch, self.processes.rank
        steps = self._train.epoch(number_of(self._seed, epoch), self.progress.step)
        for step in steps:
            # Dropout and the like depend on where training is, not on how it came there.
            torch.manual_seed(number_of(self._seed, epoch, self.progress.step, rank))
            agreed = self.processes.agree(self._wish())
            number = epoch * self._train.steps + self.progress.step
            self._optimization.step(number, self._parts(parallel, step))
            self.progress.step += 1
            self._obey(agreed())

    def _parts(self, parallel: nn.Module, step: Step) -> Iterator[Tensor]:
        """The losses of the parts of a step. Gradients are exchanged with those of the last one."""
        examples = sum(part.size for part in step)
        for number, part in enumerate(step, start=1):
            with self.processes.apart(parallel) if number < len(step) else nullcontext():
                inputs, targets = (moved(value, self.processes.device) for value in part[:2])
                with self._cast:
                    loss = self._task.loss(parallel(inputs), targets)
                # It stays on the device: to look at it would be to wait for it.
                self._losses += loss.detach().to(self._losses) * part.size
                yield loss * (part.size / examples)

    def _wish(self) -> int:
        if self._stopping.asked:
            return STOP
        return KEEP if self._keeper and self._keeper.due_by_time() else GO_ON

    def _obey(self, wish: int) -> None:
        if wish == GO_ON:
            return
        self.progress.losses = self.processes.gather(self._losses.item())
        _refuse("training", self.progress.epoch + 1, sum(self.progress.losses))
        self._keep()
        if wish == STOP:
            self._end()

    def _end(self) -> None:
        if self.processes.first:
            done = f"epoch {self.progress.epoch} and {self.progress.step} steps"
            log.info("told to end after %s. The same run goes on from its last checkpoint.", done)
        end()

    def _keep(self) -> None:
        # Weights that are no numbers would take the place of the last good ones. The losses do not tell: they are those of before
        # the step. All processes look, so that none waits for one that has ended.
        _refuse_weights(self.model, self.progress)
        if self._keeper:
            best = self._read_best()
            state = {"model": self.model.state_dict(), "best": best, **self._optimization.state()}
            self._keeper.keep(self.progress, state)

    def _measure(self) -> Metrics:
        """The metrics of the epoch whose steps are done."""
        self.progress.losses = self.processes.gather(self._losses.item())
        train_loss = sum(self.progress.losses) / self._train.size
        _refuse("training", self.progress.epoch + 1, train_loss)
        self.model.eval()
        report = evaluation.measure(
            self._task, self.model, self._validation, self.processes, self._cast, self._after_batch
        )
        _refuse("validation", self.progress.epoch + 1, report.metrics["loss"])
        self._losses.zero_()
        validation = {f"validation_{name}": value for name, value in report.metrics.items()}
        return {"train_loss": train_loss, **validation}

    def _after_batch(self) -> None:
        """While it is measured no process knows what another one does. All steps are done, and what each lost is known."""
        if self._stopping.asked:
            self._keep()
            self._end()

    def _out_of_patience(self) -> bool:
        waited = self.progress.epoch - self.progress.best_epoch
        ended = bool(self._config.patience) and waited >= self._config.patience
        if ended and self.processes.first:
            log.info("no epoch since %d was better: training ends", self.progress.best_epoch)
        return ended

    def _take_losses(self) -> None:
        """Go on adding where the checkpoint was; with another number of processes, the first one takes all."""
        losses = self.progress.losses or [0.0]
        if len(losses) != self.processes.count:
            losses = [sum(losses)] + [0.0] * (self.processes.count - 1)
        self._losses.fill_(losses[self.processes.rank])

    def _take_best(self) -> None:
        if best := self._read_best():
            self.model.load_state_dict(best)
        self.processes.fill_from_first(self.model.state_dict().values())
        self.model.eval()

    def _read_best(self) -> dict[str, Any]:
        """The weights of the best epoch, read when they are used; none before the first epoch is done."""
        if not self._best.exists():
            return {}
        weights: dict[str, Any] = torch.load(
            self._best, map_location="cpu", mmap=True, weights_only=True
        )
        return weights


def _refuse(part: str, epoch: int, loss: float) -> None:
    """Raise FloatingPointError where a loss is no number: no epoch would be better than another."""
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"The {part} loss of epoch {epoch} is {loss}. {_REMEDY}; or an example of the {part} data is not a number."
        )


def _refuse_weights(model: nn.Module, progress: Progress) -> None:
    """Raise FloatingPointError where weights are no numbers, though the losses were: a gradient was none."""
    for name, tensor in chain(model.named_parameters(), model.named_buffers()):
        # What is not trained may be infinite for a reason, as a mask is.
        wrong = tensor.isfinite().logical_not() if tensor.requires_grad else tensor.isnan()
        if wrong.any():
            raise FloatingPointError(
                f"After epoch {progress.epoch} and {progress.step} steps the weights {name!r} are no numbers, though the losses "
                f"are. {_REMEDY}."
            )
