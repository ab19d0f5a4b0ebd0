"""What is learned, and from what: the one file that is yours.

`Task` has everything about the data and the network that the trainer has to know. Trainer, evaluation and tracking
look at nothing else: another task is another content of this file, and its values in `conf/task/`.
"""

import hashlib
import sys
from dataclasses import dataclass
from typing import cast
from unicodedata import ucd_3_2_0 as unicode

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

from .data import Datasets, Version

CLASSES = ("letter", "mark", "number", "punctuation", "symbol")
# Unicode's general categories, by the first letter of their codes.
CATEGORIES = "LMNPS"
# Names that say nothing, because they are made from the character's number.
NAMELESS = ("CJK ", "HANGUL SYLLABLE ")

Indices = npt.NDArray[np.int64]


@dataclass
class Task:
    """Read names: is "GREEK SMALL LETTER ALPHA" a letter, a mark, a number, punctuation or a symbol?

    The texts are the names of 12,620 characters in Unicode 3.2, with the category that Unicode gives each of them; Python's
    standard library has both, in every version the same.

    The fields are the values of `conf/task/*.yaml`; Hydra checks them against these types. `split_seed` is not the seed of
    the training: all runs share one test set.
    """

    split_seed: int
    validation_fraction: float
    test_fraction: float
    length: int
    embedding: int
    channels: int
    dropout: float

    def datasets(self) -> Datasets:
        """The data, divided. Examples are pairs: the bytes of a text (`length`), and its class.

        The same values always give the same parts. Every process calls this.
        """
        texts, labels = load()
        inputs = encoded(texts, self.length)
        train, validation, test = (
            TensorDataset(inputs[torch.from_numpy(part)], torch.from_numpy(labels[part]))
            for part in split_indices(labels, self)
        )
        return Datasets(train, validation, test, version=lambda: Version(sha256(texts, labels)))

    def model(self) -> nn.Module:
        """A network that has learned nothing yet."""
        return TextClassifier(self.embedding, self.channels, self.dropout)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """What training makes small: a scalar, the mean over the examples of a batch."""
        return cross_entropy(logits, labels)

    def counts(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """What is counted of a batch. The trainer adds it up over all batches, and over all processes.

        Returns:
            `confusion`: counts (5, 5); rows are labels, columns are predictions.
        """
        size = len(CLASSES)
        cells = labels * size + logits.argmax(dim=1)
        return {"confusion": torch.bincount(cells, minlength=size * size).reshape(size, size)}

    def metrics(self, totals: dict[str, Tensor]) -> dict[str, float]:
        """The metrics, from what `counts` has counted in a whole part of the data. The loss is known already.

        Returns:
            `accuracy`, and `recall`: the share of each class that was recognized, the mean over the classes. Most texts are
            letters, so that it says more about the others.
        """
        confusion = totals["confusion"]
        known = confusion.sum(dim=1)
        there = known > 0
        return {
            "accuracy": confusion.diagonal().sum().item() / confusion.sum().item(),
            "recall": (confusion.diagonal()[there] / known[there]).mean().item(),
        }

    def figures(self, totals: dict[str, Tensor]) -> dict[str, Figure]:
        """Pictures of the test data's totals, by the name that their files get."""
        return {"confusion_matrix": draw(totals["confusion"])}

    def example(self) -> Tensor:
        """Some inputs of the network: what it is logged with, so that others see what it takes."""
        return encoded(load()[0][:4], self.length)


class TextClassifier(nn.Module):
    """A convolution over the bytes of a text, and the strongest answer to each of its filters.

    It takes the bytes of UTF-8 themselves: whoever serves it needs no vocabulary.
    """

    def __init__(self, embedding: int, channels: int, dropout: float) -> None:
        super().__init__()
        self.bytes = nn.Embedding(256, embedding, padding_idx=0)
        self.filters = nn.Conv1d(embedding, channels, kernel_size=7, padding=3)
        self.last = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, len(CLASSES)))

    def forward(self, texts: Tensor) -> Tensor:
        """Logits (N, 5) for texts (N, length) of bytes from 1 to 255, with 0 behind the last."""
        found = self.filters(self.bytes(texts).transpose(1, 2)).relu()
        return cast(Tensor, self.last(found.amax(dim=2)))


def load() -> tuple[list[str], Indices]:
    """All texts, and their classes."""
    texts, labels = [], []
    for character in map(chr, range(sys.maxunicode + 1)):
        name, category = unicode.name(character, ""), unicode.category(character)[0]
        if name and category in CATEGORIES and not name.startswith(NAMELESS):
            texts.append(name)
            labels.append(CATEGORIES.index(category))
    return texts, np.asarray(labels, dtype="<i8")


def encoded(texts: list[str], length: int) -> Tensor:
    """The first `length` bytes of each text in UTF-8 (N, length); shorter ones end in zeros."""
    rows = [text.encode()[:length].ljust(length, b"\0") for text in texts]
    numbers = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, length)
    return torch.tensor(numbers, dtype=torch.int64)


def sha256(texts: list[str], labels: Indices) -> str:
    """The hash of all texts and labels, before they are divided."""
    digest = hashlib.sha256("\n".join(texts).encode())
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
