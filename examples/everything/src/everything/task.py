"""What is learned, and from what: the one file that is yours.

`Task` has everything about the data and the network that the trainer has to know. Trainer, evaluation, checkpoints and
processes look at nothing else: another task is another content of this file, and its values in `conf/task/`.
"""

import hashlib
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

from .data import Datasets, Version

CLASSES = tuple("0123456789")
IMAGE_SIZE = 8
MAX_PIXEL = 16.0

Indices = npt.NDArray[np.int64]


@dataclass
class Task:
    """Read handwritten digits: the 1,797 images that come with scikit-learn.

    The fields are the values of `conf/task/*.yaml`; Hydra checks them against these types. `split_seed` is not the seed of
    the training: all runs share one test set.
    """

    split_seed: int
    validation_fraction: float
    test_fraction: float
    channels: int
    hidden: int
    dropout: float

    def datasets(self) -> Datasets:
        """The data, divided. Examples are pairs: an image (8, 8) with pixels from 0 to 16, and its digit.

        The same values always give the same parts. Every process calls this.
        """
        images, labels = load()
        train, validation, test = (
            TensorDataset(torch.from_numpy(images[part]), torch.from_numpy(labels[part]))
            for part in split_indices(labels, self)
        )
        return Datasets(train, validation, test, version=lambda: Version(sha256(images, labels)))

    def model(self) -> nn.Module:
        """A network that has learned nothing yet."""
        return DigitClassifier(self.channels, self.hidden, self.dropout)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """What training makes small: a scalar, the mean over the examples of a batch."""
        return cross_entropy(logits, labels)

    def counts(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """What is counted of a batch. The trainer adds it up over all batches, and over all processes.

        Returns:
            `confusion`: counts (10, 10); rows are labels, columns are predictions.
        """
        size = len(CLASSES)
        cells = labels * size + logits.argmax(dim=1)
        return {"confusion": torch.bincount(cells, minlength=size * size).reshape(size, size)}

    def metrics(self, totals: dict[str, Tensor]) -> dict[str, float]:
        """The metrics, from what `counts` has counted in a whole part of the data. The loss is known already."""
        confusion = totals["confusion"]
        return {"accuracy": confusion.diagonal().sum().item() / confusion.sum().item()}

    def figures(self, totals: dict[str, Tensor]) -> dict[str, Figure]:
        """Pictures of the test data's totals, by the name that their files get."""
        return {"confusion_matrix": draw(totals["confusion"])}

    def example(self) -> Tensor:
        """Some inputs of the network: what it is logged with, so that others see what it takes."""
        return torch.from_numpy(load()[0][:4])


class DigitClassifier(nn.Module):
    """Two convolutions and two dense layers.

    It takes raw pixels and scales them itself, so that whoever serves it cannot forget to.
    """

    def __init__(self, channels: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, channels, kernel_size=3, padding=1),
            nn.ReLU(),
            # A stride, not pooling: its gradient is deterministic on every device.
            nn.Conv2d(channels, 2 * channels, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(2 * channels * (IMAGE_SIZE // 2) ** 2, hidden),
            nn.ReLU(),
            nn.Linear(hidden, len(CLASSES)),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (N, 10) for images (N, 8, 8) with pixels from 0 to 16."""
        return cast(Tensor, self.layers(pixels.unsqueeze(1) / MAX_PIXEL))


def load() -> tuple[npt.NDArray[np.float32], Indices]:
    """All images (1797, 8, 8), and their digits (1797)."""
    bunch = load_digits()
    images = np.ascontiguousarray(bunch.images, dtype="<f4")
    return images, np.ascontiguousarray(bunch.target, dtype="<i8")


def sha256(images: npt.NDArray[np.float32], labels: Indices) -> str:
    """The hash of all images and labels, before they are divided."""
    digest = hashlib.sha256(images.data)
    digest.update(labels.data)
    return digest.hexdigest()


def split_indices(labels: Indices, task: Task) -> tuple[Indices, Indices, Indices]:
    """Indices for training, validation and test, each with every class in the same proportion.

    The test part is taken first: it does not depend on the size of the validation part.
    """
    everything = np.arange(len(labels))
    rest, test = train_test_split(
        everything,
        test_size=task.test_fraction,
        stratify=labels,
        random_state=task.split_seed,
    )
    train, validation = train_test_split(
        rest,
        test_size=round(task.validation_fraction * len(labels)),
        stratify=labels[rest],
        random_state=task.split_seed,
    )
    return train, validation, test


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
