"""Train the model on this machine and log the run: `python -m <package>.trainer`."""

import copy
import logging
import math
import random
import time
from typing import Any

import hydra
import mlflow
import torch
from omegaconf import DictConfig
from torch import nn

from . import config as configuration
from . import evaluation, tracking
from .config import TrainerConfig
from .data import Datasets
from .data.loader import Loader, moved
from .device import DeviceError, choose_device, describe, make_repeatable
from .evaluation import Report
from .processes import Processes

log = logging.getLogger(__name__)


def run(config: TrainerConfig) -> str:
    """Train, log everything that makes the run repeatable, and return the run's id."""
    training = config.training
    configuration.check_bounds(training)
    processes = Processes(0, 1, choose_device(training.device))
    make_repeatable(config.seed, training.threads, training.deterministic)
    log.info("device: %s", describe(processes.device))
    datasets = config.task.datasets()
    tracking.open_store(config.experiment)
    # MLflow draws the run's name: without this, runs of one sweep would all draw the same one.
    random.seed()
    # `mlflow run` has started a run already; this one joins it.
    with mlflow.start_run() as active:
        run_id: str = active.info.run_id
        tracking.log_origin(config, processes)
        tracking.log_version(datasets.version())
        model, report = train(config, datasets, processes)
        evaluation.log_report(config.task, report)
        model_uri = tracking.log_model(model.cpu(), config.task.example())
        tracking.register_model(model_uri, config.registry, report.metrics)
    log.info("test %s, run %s", report.words, run_id)
    return run_id


def train(
    config: TrainerConfig, datasets: Datasets, processes: Processes
) -> tuple[nn.Module, Report]:
    """The trained model, with the weights of its best epoch, and what it makes of the test data.

    Raises:
        FloatingPointError: the loss is not a number.
    """
    task, training = config.task, config.training
    model = task.model().to(processes.device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
    )
    validation = Loader(datasets.validation, datasets.collate, training, processes)
    best: dict[str, Any] = {}
    best_loss, best_epoch, began = math.inf, 0, time.perf_counter()
    for epoch in range(1, training.epochs + 1):
        train_loss = _epoch(config, datasets, processes, model, optimizer, epoch)
        model.eval()
        report = evaluation.measure(task, model, validation, processes)
        if not math.isfinite(report.metrics["loss"]):
            raise FloatingPointError(
                f"The validation loss of epoch {epoch} is {report.metrics['loss']}. A smaller training.learning_rate may help; "
                "or an example of the validation data is not a number."
            )
        measured = {f"validation_{name}": value for name, value in report.metrics.items()}
        metrics = {"train_loss": train_loss, **measured}
        mlflow.log_metrics(metrics, step=epoch)
        shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        seconds = time.perf_counter() - began
        log.info("epoch %2d/%d  %s  %.1f s", epoch, training.epochs, shown, seconds)
        if report.metrics["loss"] < best_loss:
            best_loss, best_epoch = report.metrics["loss"], epoch
            best = copy.deepcopy(model.state_dict())
        if training.patience and epoch - best_epoch >= training.patience:
            log.info("no epoch since %d was better: training ends", best_epoch)
            break
    model.load_state_dict(best or model.state_dict())
    model.eval()
    test = Loader(datasets.test, datasets.collate, training, processes)
    return model, evaluation.measure(task, model, test, processes)


def _epoch(
    config: TrainerConfig,
    datasets: Datasets,
    processes: Processes,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    epoch: int,
) -> float:
    """Train for one epoch; its mean loss."""
    loader = Loader(datasets.train, datasets.collate, config.training, processes)
    model.train()
    # The order of the examples, and dropout, depend on the seed and the epoch only.
    torch.manual_seed(config.seed * 100_003 + epoch)
    losses = evaluation.nothing(processes.device)
    for (part,) in loader.epoch(config.seed * 100_003 + epoch):
        inputs, targets = (moved(value, processes.device) for value in part[:2])
        loss = config.task.loss(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses += loss.detach().to(losses) * part.size
    mean: float = losses.item() / loader.size
    if not math.isfinite(mean):
        raise FloatingPointError(
            f"The training loss of epoch {epoch} is {mean}. A smaller training.learning_rate may help; "
            "or an example of the data is not a number."
        )
    return mean


@hydra.main(version_base="1.3", config_path="conf", config_name="trainer")
def main(config: DictConfig) -> None:
    """The entry point `trainer`."""
    try:
        run(configuration.trainer_config(config))
    except DeviceError as problem:
        raise SystemExit(str(problem)) from None


if __name__ == "__main__":
    configuration.register()
    main()
