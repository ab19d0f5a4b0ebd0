"""What a model makes of data: the metrics, and the evaluation of a model that a run has logged: `python -m <package>.evaluation`."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import hydra
import mlflow
import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor

from . import config as configuration
from . import tracking
from .config import EvaluationConfig, TrainerConfig
from .data.loader import Loader, moved
from .device import DeviceError, choose_device, describe
from .processes import Processes
from .task import Task

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """What was measured on a part of the data, by all processes together.

    Attributes:
        metrics: `loss`, and what the task adds to it.
        totals: what the task has counted.
        examples: of how many examples.
    """

    metrics: dict[str, float]
    totals: dict[str, Tensor]
    examples: int

    @property
    def words(self) -> str:
        """The metrics on one line, the loss last."""
        names = sorted(self.metrics, key=lambda name: name == "loss")
        return ", ".join(f"{name} {self.metrics[name]:.4f}" for name in names)


# Losses times examples, how many examples, and what the task has counted.
Sums = tuple[float, int, dict[str, Tensor]]


def measure(
    task: Task,
    model: Any,
    loader: Loader,
    processes: Processes,
    cast: AbstractContextManager[object] | None = None,
    after_batch: Callable[[], None] = lambda: None,
) -> Report:
    """Measure `model`, which is in evaluation mode already. Every process measures its own part, and all get the whole.

    Args:
        cast: in which the model computes.
        after_batch: called after every batch.
    """
    mine = counted(task, model, loader, processes.device, cast or nullcontext(), after_batch)
    return together(task, processes.gather(mine))


@torch.no_grad()
def counted(
    task: Task,
    model: Any,
    loader: Loader,
    device: torch.device,
    cast: AbstractContextManager[object],
    after_batch: Callable[[], None],
) -> Sums:
    """What this process counts in its part of the data."""
    losses, examples = nothing(device), 0
    totals: dict[str, Tensor] = {}
    for part in loader.in_order():
        inputs, targets = (moved(value, device) for value in part[:2])
        with cast:
            outputs = model(inputs)
            loss = task.loss(outputs, targets)
        losses += loss.to(losses) * part.size
        examples += part.size
        _add(totals, task.counts(outputs, targets))
        after_batch()
    return losses.item(), examples, {name: total.cpu() for name, total in totals.items()}


def together(task: Task, parts: list[Sums]) -> Report:
    """What all processes have counted. Sums are added, not means: the parts may have different sizes, and may be empty."""
    totals: dict[str, Tensor] = {}
    for _, _, counted in parts:
        _add(totals, counted)
    examples = sum(count for _, count, _ in parts)
    loss = sum(losses for losses, _, _ in parts) / examples
    return Report({**task.metrics(totals), "loss": loss}, totals, examples)


def _add(totals: dict[str, Tensor], counts: dict[str, Tensor]) -> None:
    for name, value in counts.items():
        totals[name] = totals[name] + value if name in totals else value


def nothing(device: torch.device) -> Tensor:
    """Zero, for sums of many numbers: in 64 bits where the device has them."""
    kind = torch.float32 if device.type == "mps" else torch.float64
    return torch.zeros((), dtype=kind, device=device)


def log_report(task: Task, report: Report) -> None:
    """Log what was measured on the test data to the active run."""
    mlflow.log_metrics({f"test_{name}": value for name, value in report.metrics.items()})
    for name, figure in task.figures(report.totals).items():
        mlflow.log_figure(figure, f"{name}.png")


def run(config: EvaluationConfig, schema: type[TrainerConfig] = TrainerConfig) -> Report:
    """Evaluate the model of a training run on the test data of that run.

    Args:
        schema: the class of the configuration that it was trained with.
    """
    processes = Processes(0, 1, choose_device(config.device))
    log.info("device: %s", describe(processes.device))
    experiment_id = tracking.open_store(config.experiment)
    trained = tracking.find_run(experiment_id, config.run_id)
    run_id = trained.info.run_id
    then = _as_trained(run_id, schema)
    datasets = then.task.datasets()
    if datasets.version().sha256 != trained.data.params.get(tracking.DATA):
        log.warning("The data is not what run %s was trained on.", run_id)
    model = mlflow.pytorch.load_model(f"runs:/{run_id}/model").to(processes.device)
    loader = Loader(datasets.test, datasets.collate, then.training, processes)
    with mlflow.start_run():
        mlflow.set_tag(tracking.STAGE, tracking.EVALUATION)
        mlflow.log_param("evaluated_run", run_id)
        report = measure(then.task, model, loader, processes)
        log_report(then.task, report)
    log.info("test %s on %d examples, model of run %s", report.words, report.examples, run_id)
    return report


def _as_trained(run_id: str, schema: type[TrainerConfig]) -> TrainerConfig:
    """The configuration that a run was trained with.

    Raises:
        SystemExit: it is not one of this code.
    """
    logged = OmegaConf.create(mlflow.artifacts.load_dict(f"runs:/{run_id}/config.json"))
    try:
        return configuration.trainer_config(logged, schema)
    except (OmegaConfBaseException, ValueError) as problem:
        reason = str(problem).splitlines()[0]
        raise SystemExit(
            f"Run {run_id} was trained with a configuration that this code does not know: {reason}.\n"
            "Its tag git.commit names the code that does."
        ) from problem


@hydra.main(version_base="1.3", config_path="conf", config_name="evaluation")
def main(config: DictConfig) -> None:
    """The entry point `evaluate`."""
    try:
        run(configuration.evaluation_config(config))
    except DeviceError as problem:
        raise SystemExit(str(problem)) from None


if __name__ == "__main__":
    configuration.register()
    main()
