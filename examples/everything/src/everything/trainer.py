"""Train the model and log the run: `python -m <package>.trainer`."""

import logging
import random
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

from . import config as configuration
from . import data, evaluation, provenance, tracking
from .config import TrainerConfig, TrainingConfig
from .data import Digits, Split
from .device import choose_device, make_repeatable
from .model import DigitClassifier

log = logging.getLogger(__name__)

Metrics = dict[str, float]


def fit(
    model: nn.Module,
    train: Split,
    validation: Split,
    config: TrainingConfig,
    on_epoch: Callable[[int, Metrics], None],
) -> None:
    """Train `model` in place; afterwards it has the weights of its best epoch and is in evaluation mode.

    Args:
        on_epoch: called after every epoch with its number (from 1) and its metrics.
    """
    device = next(model.parameters()).device
    batches = DataLoader(
        TensorDataset(train.images, train.labels), batch_size=config.batch_size, shuffle=True
    )
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    best, weights = float("inf"), model.state_dict()
    for epoch in range(1, config.epochs + 1):
        model.train()
        total = 0.0
        for images, labels in batches:
            loss = cross_entropy(model(images.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
        model.eval()
        logits = evaluation.predict(model, validation.images, device)
        metrics = {
            "train_loss": total / len(train),
            "validation_loss": cross_entropy(logits, validation.labels).item(),
            "validation_accuracy": evaluation.accuracy(logits, validation.labels),
        }
        on_epoch(epoch, metrics)
        if metrics["validation_loss"] < best:
            best = metrics["validation_loss"]
            weights = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(weights)


def run(config: TrainerConfig) -> str:
    """Train, log everything that makes the run repeatable, and return the run's id."""
    tracking.open_store(config.experiment)
    device = choose_device(config.training.device)
    digits = data.load(config.data)
    # MLflow draws the run's name: without this, runs of one sweep would all draw the same one.
    random.seed()
    # `mlflow run` has started a run already; this one joins it.
    with mlflow.start_run() as active:
        make_repeatable(config.seed, config.training.threads)
        model = DigitClassifier(config.model).to(device)
        log_origin(config, digits, device)
        fit(model, digits.train, digits.validation, config.training, _progress(config.training))
        result = evaluation.report(model, digits.test, device)
        log_model(model.cpu(), digits.test.images[:4])
    run_id: str = active.info.run_id
    log.info("test accuracy %.4f, run %s", result, run_id)
    return run_id


def log_origin(config: TrainerConfig, digits: Digits, device: torch.device) -> None:
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
            "device": str(device),
        }
    )
    if code.diff:
        mlflow.log_text(code.diff, "uncommitted.diff")
    sizes = f"{len(digits.train)} / {len(digits.validation)} / {len(digits.test)}"
    log.info("%s images to train / validate / test, on %s", sizes, device)


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


def _progress(config: TrainingConfig) -> Callable[[int, Metrics], None]:
    started = time.perf_counter()

    def log_epoch(epoch: int, metrics: Metrics) -> None:
        mlflow.log_metrics(metrics, step=epoch)
        shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        seconds = time.perf_counter() - started
        log.info("epoch %2d/%d  %s  %.1f s", epoch, config.epochs, shown, seconds)

    return log_epoch


@hydra.main(version_base="1.3", config_path="conf", config_name="trainer")
def main(config: DictConfig) -> None:
    """The entry point `trainer`."""
    run(configuration.trainer_config(config))


if __name__ == "__main__":
    configuration.register()
    main()
