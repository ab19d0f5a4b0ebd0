"""Metrics, and the evaluation of a model that a run has logged: `python -m <package>.evaluation`."""

import logging
from collections.abc import Callable

import hydra
import mlflow
import torch
from matplotlib.figure import Figure
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from . import config as configuration
from . import data, tracking
from .data import CLASSES, Split
from .device import choose_device

log = logging.getLogger(__name__)


@torch.no_grad()
def predict(model: Callable[[Tensor], Tensor], images: Tensor, device: torch.device) -> Tensor:
    """Logits (N, 10) on the CPU. The model must be in evaluation mode already."""
    return torch.cat([model(batch.to(device)).cpu() for batch in images.split(1024)])


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """The share of images whose largest logit is at their label."""
    return (logits.argmax(dim=1) == labels).double().mean().item()


def confusion_matrix(logits: Tensor, labels: Tensor) -> Tensor:
    """Counts (10, 10): rows are labels, columns are predictions."""
    size = len(CLASSES)
    cells = labels * size + logits.argmax(dim=1)
    return torch.bincount(cells, minlength=size * size).reshape(size, size)


def draw(matrix: Tensor) -> Figure:
    """A picture of a confusion matrix."""
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(matrix.numpy(), cmap="Blues")
    axes.set(xlabel="predicted", ylabel="label", title="Confusion matrix, test data")
    axes.set_xticks(range(len(CLASSES)), CLASSES)
    axes.set_yticks(range(len(CLASSES)), CLASSES)
    limit = matrix.max().item() / 2
    for row, counts in enumerate(matrix.tolist()):
        for column, count in enumerate(counts):
            if count:
                color = "white" if count > limit else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=color)
    return figure


def report(model: Callable[[Tensor], Tensor], test: Split, device: torch.device) -> float:
    """Log what `model` makes of the test data to the active run, and return the accuracy."""
    logits = predict(model, test.images, device)
    result = accuracy(logits, test.labels)
    loss = torch.nn.functional.cross_entropy(logits, test.labels).item()
    mlflow.log_metrics({"test_accuracy": result, "test_loss": loss})
    mlflow.log_figure(draw(confusion_matrix(logits, test.labels)), "confusion_matrix.png")
    return result


def run(config: configuration.EvaluationConfig) -> float:
    """Evaluate the model of a training run on the test data of that run, and return the accuracy."""
    experiment_id = tracking.open_store(config.experiment)
    trained = tracking.find_run(experiment_id, config.run_id)
    run_id = trained.info.run_id
    logged = OmegaConf.create(mlflow.artifacts.load_dict(f"runs:/{run_id}/config.json"))
    digits = data.load(configuration.trainer_config(logged).data)
    if digits.sha256 != trained.data.params.get("data.sha256"):
        log.warning("The data is not what run %s was trained on.", run_id)
    device = choose_device(config.device)
    model = mlflow.pytorch.load_model(f"runs:/{run_id}/model").to(device)
    with mlflow.start_run():
        mlflow.set_tag(tracking.STAGE, tracking.EVALUATION)
        mlflow.log_param("evaluated_run", run_id)
        result = report(model, digits.test, device)
    log.info("test accuracy %.4f on %d images, model of run %s", result, len(digits.test), run_id)
    return result


@hydra.main(version_base="1.3", config_path="conf", config_name="evaluation")
def main(config: DictConfig) -> None:
    """The entry point `evaluate`."""
    run(configuration.evaluation_config(config))


if __name__ == "__main__":
    configuration.register()
    main()
