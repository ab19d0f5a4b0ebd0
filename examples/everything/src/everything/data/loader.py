"""Reads what the plan says, in this process or in workers beside it, and makes batches of it."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..config import TrainingConfig
from ..processes import Processes
from . import plan
from .datasets import Example, Stream
from .plan import Share, Work


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
        config: how large a step is, and how it is read.
        processes: those that divide each step.
        parts: in how many parts a step is taken.
    """

    def __init__(
        self,
        data: Dataset[Any] | Stream,
        collate: Callable[[list[Example]], Any],
        config: TrainingConfig,
        processes: Processes,
        parts: int = 1,
    ) -> None:
        self._data = data
        self._share = Share(config.batch_size, processes.rank, processes.count, parts)
        self.size = len(data)  # type: ignore[arg-type]
        if not self.size:
            raise ValueError("a part of the data has no examples; see `Task.datasets` in task.py")
        self._window = 1
        if isinstance(data, Stream):
            self._window = plan.steps_together(data.shards.sizes, self._share, config.window)
        self._works = _Works()
        workers = config.workers
        self._loader = DataLoader(
            _Reader(data, collate),
            sampler=self._works,
            batch_size=None,
            collate_fn=_same,
            num_workers=workers,
            prefetch_factor=config.prefetch if workers else None,
            persistent_workers=workers > 0,
            # It would draw from the network's random numbers.
            generator=torch.Generator(),
            # A GPU copies from such memory by itself.
            pin_memory=processes.device.type == "cuda",
        )

    @property
    def steps(self) -> int:
        """How many steps an epoch has."""
        return plan.steps(self.size, self._share)

    @property
    def least(self) -> int:
        """How many examples the smallest part of a step has, in this process."""
        return self._share.least(self.size)

    def epoch(self, seed: int, first: int = 0) -> Iterator[Step]:
        """An epoch in the order that `seed` gives, from its step `first` on."""
        if isinstance(self._data, Stream):
            sizes = self._data.shards.sizes
            self._works.now = plan.of_stream(sizes, self._share, self._window, seed, first)
            skipped = plan.skipped(first, self._window)
        else:
            self._works.now = plan.of_dataset(self.size, self._share, seed, first)
            skipped = 0
        for window in self._loader:
            yield from window[skipped:]
            skipped = 0

    def in_order(self) -> Iterator[Part]:
        """This process's part of the data, every example once."""
        windows = plan.in_order(self.size, self._share, self._window)
        if isinstance(self._data, Stream):
            order, ends = plan.row(self._data.shards.sizes)
            self._works.now = (
                Work(plan.ranges(order, ends, low, high), sizes, 0, False)
                for low, high, sizes in windows
            )
        else:
            self._works.now = (
                Work(range(low, high), sizes, 0, False) for low, high, sizes in windows
            )
        return chain.from_iterable(chain.from_iterable(self._loader))


def moved(value: Any, device: torch.device) -> Any:
    """A batch on `device`: tensors, also in lists, tuples and mappings."""
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {key: moved(item, device) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [moved(item, device) for item in value]
    return value


class _Works:
    """What is to be read next; the data loader asks anew in each epoch."""

    now: Iterator[Work] = iter(())

    def __iter__(self) -> Iterator[Work]:
        return self.now


class _Reader(Dataset[list[Step]]):
    """Reads one work: its steps, each in parts."""

    def __init__(
        self, data: Dataset[Any] | Stream, collate: Callable[[list[Example]], Any]
    ) -> None:
        self._data, self._collate = data, collate

    def __getitem__(self, work: Work) -> list[Step]:
        with _seeded(work.seed):
            waiting = deque(self._read(work))
            return [[self._part(waiting, size) for size in parts] for parts in work.steps]

    def _read(self, work: Work) -> Sequence[Any]:
        if not isinstance(self._data, Stream):
            return _items(self._data, work.wanted)
        examples = self._data.shards.read(work.wanted)
        if not work.shuffled:
            return examples
        return [examples[place] for place in torch.randperm(len(examples)).tolist()]

    def _part(self, waiting: deque[Any], size: int) -> Part:
        examples = [waiting.popleft() for _ in range(size)]
        if isinstance(self._data, Stream):
            examples = [self._data.transform(example) for example in examples]
        inputs, targets = self._collate(examples)
        return Part(inputs, targets, size)


def _items(data: Dataset[Any], indices: Sequence[int]) -> Sequence[Any]:
    together = getattr(data, "__getitems__", None)
    return together(list(indices)) if together else [data[index] for index in indices]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Random numbers of PyTorch that depend on `seed` only; afterwards they go on as before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _same(value: Any) -> Any:
    """What the data loader does with what was read: nothing. A function of a module, so that workers find it."""
    return value
