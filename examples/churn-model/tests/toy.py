"""A task for the tests of the trainer, which do not mind what is learned: on which side of a line does a point lie?"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import TensorDataset

from churn_model.config import TrainerConfig
from churn_model.data import Datasets, Stream, Version


@dataclass
class Toy:
    """What `Task` in task.py is for the real data.

    Attributes:
        wrong: the labels of the validation data are wrong, so that it gets worse while training gets better.
    """

    examples: int = 96
    dropout: float = 0.2
    streamed: bool = False
    wrong: bool = False

    def datasets(self):
        train, validation, test = (
            self.part(seed, size) for seed, size in enumerate((self.examples, 33, 35))
        )
        return Datasets(train, validation, test, version=lambda: Version("f" * 64))

    def part(self, seed, size):
        points = torch.randn(size, 2, generator=torch.Generator().manual_seed(seed))
        labels = ((points.sum(dim=1) > 0) ^ (self.wrong and seed == 1)).long()
        return Stream(Rows(points, labels)) if self.streamed else TensorDataset(points, labels)

    def model(self):
        return nn.Sequential(
            nn.Linear(2, 16), nn.ReLU(), nn.Dropout(self.dropout), nn.Linear(16, 2)
        )

    def loss(self, outputs, labels):
        return nn.functional.cross_entropy(outputs, labels)

    def counts(self, outputs, labels):
        return {"right": (outputs.argmax(dim=1) == labels).sum(), "all": torch.tensor(len(labels))}

    def metrics(self, totals):
        return {"accuracy": totals["right"].item() / totals["all"].item()}

    def figures(self, totals):
        return {}

    def example(self):
        return torch.zeros(4, 2)


class Rows:
    """Shards of five rows; the last has fewer."""

    def __init__(self, points, labels):
        self.points, self.labels = points, labels
        self.sizes = [min(5, len(points) - begin) for begin in range(0, len(points), 5)]
        self.reads = []

    def read(self, ranges):
        self.reads += ranges
        rows = [5 * shard + row for shard, low, high in ranges for row in range(low, high)]
        return [(self.points[row], self.labels[row]) for row in rows]


@dataclass
class ToyConfig(TrainerConfig):
    """The configuration of a training run with it."""

    task: Toy
