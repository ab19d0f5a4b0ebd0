"""Makes batches of data that is in memory."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..config import TrainingConfig
from ..processes import Processes
from .datasets import Example, Stream


class Part(NamedTuple):
    """What the network takes at a time.

    Attributes:
        inputs: what the network takes.
        targets: what the loss compares its outputs with.
        size: how many examples that are.
    """

    inputs: Any
    targets: Any
    size: int


Step = list[Part]


class Loader:
    """The steps of a part of the data, epoch by epoch.

    Args:
        data: the examples.
        collate: makes a batch of examples.
        config: how large a step is.
        processes: the one that trains.

    Raises:
        ValueError: there are no examples.
        TypeError: the data is a `Stream`.
    """

    def __init__(
        self,
        data: Dataset[Any] | Stream,
        collate: Callable[[list[Example]], Any],
        config: TrainingConfig,
        processes: Processes,
    ) -> None:
        if isinstance(data, Stream):
            raise TypeError(
                "`Task.datasets` in task.py returns a Stream, and this project has no readers for it. `mx set cloud=existing` "
                "brings them."
            )
        self._data, self._collate, self._batch = data, collate, config.batch_size
        self.size = len(data)  # type: ignore[arg-type]
        if not self.size:
            raise ValueError("a part of the data has no examples; see `Task.datasets` in task.py")

    def epoch(self, seed: int) -> Iterator[Step]:
        """An epoch in the order that `seed` gives."""
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(self.size, generator=generator).tolist()
        return ([part] for part in self._parts(order))

    def in_order(self) -> Iterator[Part]:
        """Every example once."""
        return self._parts(range(self.size))

    def _parts(self, order: Sequence[int]) -> Iterator[Part]:
        for first in range(0, len(order), self._batch):
            examples = [self._data[index] for index in order[first : first + self._batch]]
            inputs, targets = self._collate(examples)
            yield Part(inputs, targets, len(examples))


def moved(value: Any, device: torch.device) -> Any:
    """A batch on `device`: tensors, also in lists, tuples and mappings."""
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {key: moved(item, device) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [moved(item, device) for item in value]
    return value
