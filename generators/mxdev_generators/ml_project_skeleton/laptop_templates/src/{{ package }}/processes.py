"""The one process that trains. A project with a cluster has a module of the same name for many."""

from dataclasses import dataclass
from typing import TypeVar

import torch

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """This process.

    Attributes:
        rank: its number: 0.
        count: how many there are: 1.
        device: what it computes on.
    """

    rank: int
    count: int
    device: torch.device

    def gather(self, value: T) -> list[T]:
        """The values of all processes."""
        return [value]
