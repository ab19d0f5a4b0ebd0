"""Train the model and log the run: `python -m <package>.trainer`, or in many processes `torchrun -m <package>.trainer`."""

import logging
import random
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import hydra
import mlflow
from omegaconf import DictConfig
from torch import nn

from . import config as configuration
from . import evaluation, tracking
from . import processes as together
from .checkpoint import Keeper, Progress
from .config import TrainerConfig
from .data import Datasets, Version
from .data.loader import Loader
from .device import DeviceError, describe, make_repeatable, use_tf32
from .evaluation import Report
from .fit import Fit, Metrics
from .processes import Processes
from .stopping import Stopping

log = logging.getLogger(__name__)


def run(config: TrainerConfig, stopping: Stopping | None = None) -> str:
    """Train, log everything that makes the run repeatable, and return the run's id.

    Of many processes the first one logs; the others only train, and return an empty id.
    """
    configuration.check_bounds(config.training)
    processes = together.find(config.training.device)
    settle(config, processes)
    datasets = config.task.datasets()
    with tempfile.TemporaryDirectory(prefix="training-") as name:
        folder = Path(name)
        if not processes.first:
            train(config, datasets, processes, folder, stopping=stopping)
            return ""
        tracking.open_store(config.experiment)
        # MLflow draws the run's name: without this, runs of one sweep would all draw the same one.
        random.seed()
        # `mlflow run` has started a run already; this one joins it. What was interrupted goes on.
        with mlflow.start_run() as active:
            run_id: str = active.info.run_id
            version = beside(datasets.version)
            tracking.log_origin(config, processes)
            keeper = keeper_of(config, run_id, folder)
            on_epoch = _log_epoch(config, run_id, version)
            model, report = train(config, datasets, processes, folder, keeper, on_epoch, stopping)
            evaluation.log_report(config.task, report)
            tracking.log_version(version.result())
            model_uri = tracking.log_model(model.cpu(), config.task.example())
            tracking.register_model(model_uri, config.registry, report.metrics)
    log.info("test %s, run %s", report.words, run_id)
    return run_id


def beside(function: Callable[[], Version]) -> Future[Version]:
    """Call it beside the training. Nobody waits for it when training ends early."""
    future: Future[Version] = Future()

    def call() -> None:
        try:
            future.set_result(function())
        except BaseException as problem:
            future.set_exception(problem)

    threading.Thread(target=call, daemon=True).start()
    return future


def settle(config: TrainerConfig, processes: Processes) -> None:
    """Set PyTorch up, and say first of all what the run computes on."""
    training = config.training
    make_repeatable(config.seed, training.threads, training.deterministic)
    if processes.device.type == "cuda":
        use_tf32(training.tf32)
    count = "" if processes.count == 1 else f", process {processes.rank} of {processes.count}"
    log.info("device: %s%s", describe(processes.device), count)


def train(
    config: TrainerConfig,
    datasets: Datasets,
    processes: Processes,
    folder: Path,
    keeper: Keeper | None = None,
    on_epoch: Callable[[Progress, Metrics], None] = lambda _progress, _metrics: None,
    stopping: Stopping | None = None,
) -> tuple[nn.Module, Report]:
    """The trained model, on the device of this process, and what it makes of the test data.

    Args:
        folder: where files lie for the time of the training.
        keeper: has the checkpoint to go on from, and keeps new ones; only the first process has it.
        on_epoch: called after every epoch.
    """
    model = config.task.model().to(processes.device)
    with processes.joined():
        fit = Fit(model, config, datasets, processes, folder, keeper, stopping)
        if saved := processes.file_of_first(keeper.last() if keeper else None, folder):
            fit.go_on_from(saved)
        fit.run(on_epoch)
        loader = Loader(datasets.test, datasets.collate, config.training, processes)
        # In 32 bits, as whoever loads the model computes.
        report = evaluation.measure(config.task, model, loader, processes)
    return model, report


def keeper_of(config: TrainerConfig, run_id: str, folder: Path) -> Keeper:
    """What keeps the checkpoints of a run, as it is configured."""
    training = config.training
    return Keeper(run_id, folder, training.checkpoint_every, training.checkpoint_minutes)


def _log_epoch(
    config: TrainerConfig, run_id: str, version: Future[Version]
) -> Callable[[Progress, Metrics], None]:
    started, epochs = time.perf_counter(), config.training.epochs
    # Epochs after the checkpoint that the run goes on from are trained twice, with the same result.
    logged = tracking.last_step(run_id)

    def log_epoch(progress: Progress, metrics: Metrics) -> None:
        epoch = progress.epoch
        if epoch > logged:
            mlflow.log_metrics(metrics, step=epoch)
        if version.done():
            tracking.log_version(version.result())
        shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        seconds = time.perf_counter() - started
        log.info("epoch %2d/%d  %s  %.1f s", epoch, epochs, shown, seconds)

    return log_epoch


@hydra.main(version_base="1.3", config_path="conf", config_name="trainer")
def main(config: DictConfig) -> None:
    """The entry point `trainer`."""
    stopping = Stopping()
    stopping.listen()
    try:
        run(configuration.trainer_config(config), stopping)
    except DeviceError as problem:
        raise SystemExit(str(problem)) from None


if __name__ == "__main__":
    configuration.register()
    main()
