"""Train the model and log the run: `python -m <package>.trainer`, or in many processes `torchrun -m <package>.trainer`."""

import logging
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata

import hydra
import mlflow
import torch
from mlflow.models import infer_signature
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from . import checkpoint, data, evaluation, provenance, tracking
from . import config as configuration
from . import processes as together
from .checkpoint import Progress
from .config import TrainerConfig, TrainingConfig
from .data import Digits, Split
from .device import make_repeatable
from .model import DigitClassifier
from .processes import Processes, Shares

log = logging.getLogger(__name__)

Metrics = dict[str, float]


def fit(
    model: nn.Module,
    train: Split,
    validation: Split,
    config: TrainingConfig,
    on_epoch: Callable[[Progress, Metrics], None],
    processes: Processes,
    saved: bytes | None = None,
) -> None:
    """Train `model` in place; afterwards it has the weights of its best epoch and is in evaluation mode.

    Args:
        on_epoch: called after every epoch with how far training is (epochs count from 1) and the epoch's metrics.
        processes: those that train together; each calls this function.
        saved: a checkpoint to go on from; that of the first process counts.
    """
    batches = DataLoader(
        TensorDataset(train.images, train.labels),
        batch_sampler=Shares(len(train), config.batch_size, processes),
    )
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    progress = Progress(model, optimizer)
    saved = processes.of_first(saved)
    if saved:
        progress.load(saved)
    parallel = processes.parallel(model)
    while progress.epoch < config.epochs:
        parallel.train()
        total = 0.0
        for images, labels in batches:
            loss = cross_entropy(parallel(images.to(processes.device)), labels.to(processes.device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
        # Every process measures: the others would only wait for the first.
        model.eval()
        logits = evaluation.predict(model, validation.images, processes.device)
        metrics = {
            "train_loss": processes.sum(total) / len(train),
            "validation_loss": cross_entropy(logits, validation.labels).item(),
            "validation_accuracy": evaluation.accuracy(logits, validation.labels),
        }
        progress.note(metrics["validation_loss"])
        on_epoch(progress, metrics)
    model.load_state_dict(progress.best_weights)
    model.eval()


def run(config: TrainerConfig) -> str:
    """Train, log everything that makes the run repeatable, and return the run's id.

    Of many processes the first one logs; the others only train, and return an empty id.
    """
    processes = together.find(config.training.device)
    digits = data.load(config.data)
    if not processes.first:
        train(config, digits, processes, on_epoch=lambda _progress, _metrics: None)
        return ""
    tracking.open_store(config.experiment)
    # MLflow draws the run's name: without this, runs of one sweep would all draw the same one.
    random.seed()
    # `mlflow run` has started a run already; this one joins it. What was interrupted goes on.
    with mlflow.start_run() as active:
        run_id: str = active.info.run_id
        log_origin(config, digits, processes)
        saved = checkpoint.last(run_id)
        model = train(config, digits, processes, _log_epoch(config.training, run_id), saved)
        result = evaluation.report(model, digits.test, processes.device)
        log_model(model.cpu(), digits.test.images[:4])
    log.info("test accuracy %.4f, run %s", result, run_id)
    return run_id


def train(
    config: TrainerConfig,
    digits: Digits,
    processes: Processes,
    on_epoch: Callable[[Progress, Metrics], None],
    saved: bytes | None = None,
) -> nn.Module:
    """The trained model, on the device of this process."""
    make_repeatable(config.seed, config.training.threads)
    model = DigitClassifier(config.model).to(processes.device)
    with processes.joined():
        fit(model, digits.train, digits.validation, config.training, on_epoch, processes, saved)
    return model


def log_origin(config: TrainerConfig, digits: Digits, processes: Processes) -> None:
    """Log what is needed to do this run again: configuration, data, code and versions."""
    mlflow.set_tag(tracking.STAGE, tracking.TRAINING)
    mlflow.log_params(configuration.flat(config))
    mlflow.log_param("data.sha256", digits.sha256)
    mlflow.log_dict(asdict(config), "config.json")
    mlflow.log_text("\n".join(provenance.versions()) + "\n", "requirements.txt")
    code = provenance.code(provenance.project_root())
    mlflow.set_tags(
        {
            "git.commit": code.commit,
            "git.uncommitted": bool(code.diff),
            "torch": torch.__version__,
            "device": str(processes.device),
            "processes": processes.count,
        }
    )
    if code.diff:
        mlflow.log_text(code.diff, "uncommitted.diff")
    sizes = f"{len(digits.train)} / {len(digits.validation)} / {len(digits.test)}"
    count = "" if processes.count == 1 else f", in {processes.count} processes"
    log.info("%s images to train / validate / test, on %s%s", sizes, processes.device, count)


def log_model(model: nn.Module, example: Tensor) -> None:
    """Log the model with its signature, as a graph that loads without this package and without pickle."""
    with torch.no_grad():
        signature = infer_signature(example.numpy(), model(example).numpy())
    mlflow.pytorch.log_model(
        model,
        name="model",
        signature=signature,
        input_example=example.numpy(),
        serialization_format="pt2",
        # Named here because finding them out takes MLflow longer than the training.
        pip_requirements=[f"{name}=={metadata.version(name)}" for name in ("mlflow", "torch")],
    )


def _log_epoch(config: TrainingConfig, run_id: str) -> Callable[[Progress, Metrics], None]:
    started = time.perf_counter()
    # Epochs after the checkpoint that the run goes on from are trained twice, with the same result.
    logged = tracking.last_step(run_id)

    def log_epoch(progress: Progress, metrics: Metrics) -> None:
        epoch = progress.epoch
        if epoch > logged:
            mlflow.log_metrics(metrics, step=epoch)
        checkpoint.save(progress, config.checkpoint_every)
        shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        seconds = time.perf_counter() - started
        log.info("epoch %2d/%d  %s  %.1f s", epoch, config.epochs, shown, seconds)

    return log_epoch


@hydra.main(version_base="1.3", config_path="conf", config_name="trainer")
def main(config: DictConfig) -> None:
    """The entry point `trainer`."""
    # Who ends this process (torchrun, Kubernetes) lets it mark its run as failed.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    run(configuration.trainer_config(config))


if __name__ == "__main__":
    configuration.register()
    main()
