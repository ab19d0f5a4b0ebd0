"""Is a point above a line? Another task for a generated project, whose data is made up."""

from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

from .data import Datasets, Version  # type: ignore[import-not-found]


@dataclass
class Task:
    """The data is 128 points."""

    hidden: int

    def datasets(self) -> Datasets:
        """Points, and whether they are above the line."""
        points = torch.randn(128, 3, generator=torch.Generator().manual_seed(1))
        labels = (points.sum(dim=1) > 0).long()
        train, validation, test = (
            TensorDataset(points[part], labels[part]) for part in (slice(64), slice(64, 96), slice(96, None))
        )
        return Datasets(train, validation, test, version=lambda: Version("a" * 64))

    def model(self) -> nn.Module:
        """Two layers."""
        return nn.Sequential(nn.Linear(3, self.hidden), nn.ReLU(), nn.Linear(self.hidden, 2))

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The mean over the batch."""
        return cross_entropy(outputs, labels)

    def counts(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Hits."""
        return {"right": (outputs.argmax(dim=1) == labels).sum(), "all": torch.tensor(len(labels))}

    def metrics(self, totals: dict[str, Tensor]) -> dict[str, float]:
        """The share of hits."""
        return {"accuracy": totals["right"].item() / totals["all"].item()}

    def figures(self, totals: dict[str, Tensor]) -> dict[str, Figure]:
        """None."""
        return {}

    def example(self) -> Tensor:
        """Two points."""
        return torch.zeros(2, 3)
