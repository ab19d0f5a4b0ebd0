"""What is learned, and from what: the one file that is yours.

`Task` has everything about the data and the network that the trainer has to know. Trainer, evaluation and tracking
look at nothing else: another task is another content of this file, and its values in `conf/task/`.
"""

import hashlib
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

from .data import Datasets, Version

CLASSES = ("malignant", "benign")

Indices = npt.NDArray[np.int64]
Rows = npt.NDArray[np.float32]


@dataclass
class Task:
    """Tell malignant tumors from benign ones: the table of 569 tumors that comes with scikit-learn.

    The fields are the values of `conf/task/*.yaml`; Hydra checks them against these types. `split_seed` is not the seed of
    the training: all runs share one test set.
    """

    split_seed: int
    validation_fraction: float
    test_fraction: float
    hidden: int
    dropout: float

    def datasets(self) -> Datasets:
        """The data, divided. Examples are pairs: the 30 numbers of a row, and its class.

        The same values always give the same parts. Every process calls this.
        """
        rows, labels = load()
        train, validation, test = (
            TensorDataset(torch.from_numpy(rows[part]), torch.from_numpy(labels[part]))
            for part in split_indices(labels, self)
        )
        return Datasets(train, validation, test, version=lambda: Version(sha256(rows, labels)))

    def model(self) -> nn.Module:
        """A network that has learned nothing yet but the scale of each column of the training data."""
        rows, labels = load()
        train = torch.from_numpy(rows[split_indices(labels, self)[0]])
        return TumorClassifier(train.mean(dim=0), train.std(dim=0), self.hidden, self.dropout)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """What training makes small: a scalar, the mean over the examples of a batch."""
        return cross_entropy(logits, labels)

    def counts(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """What is counted of a batch. The trainer adds it up over all batches, and over all processes.

        Returns:
            `confusion`: counts (2, 2); rows are labels, columns are predictions.
        """
        size = len(CLASSES)
        cells = labels * size + logits.argmax(dim=1)
        return {"confusion": torch.bincount(cells, minlength=size * size).reshape(size, size)}

    def metrics(self, totals: dict[str, Tensor]) -> dict[str, float]:
        """The metrics, from what `counts` has counted in a whole part of the data. The loss is known already.

        Returns:
            `accuracy`, and `recall`: the share of malignant tumors that were found.
        """
        confusion = totals["confusion"]
        malignant = confusion[0]
        return {
            "accuracy": confusion.diagonal().sum().item() / confusion.sum().item(),
            "recall": malignant[0].item() / max(1, malignant.sum().item()),
        }

    def figures(self, totals: dict[str, Tensor]) -> dict[str, Figure]:
        """Pictures of the test data's totals, by the name that their files get."""
        return {"confusion_matrix": draw(totals["confusion"])}

    def example(self) -> Tensor:
        """Some inputs of the network: what it is logged with, so that others see what it takes."""
        return torch.from_numpy(load()[0][:4])


class TumorClassifier(nn.Module):
    """Two dense layers.

    It takes the numbers as they are measured and scales them itself, so that whoever serves it cannot forget to.

    Args:
        mean: of each column.
        deviation: the standard deviation of each column.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor, hidden: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        # A column that is the same in every row tells nothing.
        self.register_buffer("deviation", deviation.clamp(min=1e-6))
        self.layers = nn.Sequential(
            nn.Linear(len(mean), hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, len(CLASSES)),
        )

    def forward(self, rows: Tensor) -> Tensor:
        """Logits (N, 2) for rows (N, 30)."""
        return cast(Tensor, self.layers((rows - self.mean) / self.deviation))


def load() -> tuple[Rows, Indices]:
    """All rows (569, 30), and their classes (569)."""
    bunch = load_breast_cancer()
    rows = np.ascontiguousarray(bunch.data, dtype="<f4")
    return rows, np.ascontiguousarray(bunch.target, dtype="<i8")


def sha256(rows: Rows, labels: Indices) -> str:
    """The hash of all rows and labels, before they are divided."""
    digest = hashlib.sha256(rows.data)
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
