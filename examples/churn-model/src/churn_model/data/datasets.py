"""What a task hands over: its data, divided, whole in memory or in shards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from torch.utils.data import Dataset, default_collate

# A shard's number, and which of its examples: the first, and the one behind the last.
Range = tuple[int, int, int]
# Inputs of the network, and what the loss compares its outputs with.
Example = tuple[Any, Any]


class Shards(Protocol):
    """Data in pieces that are read one by one: files, row groups, chunks.

    Attributes:
        sizes: how many examples each shard has. It is known without reading them.
    """

    @property
    def sizes(self) -> Any: ...

    def read(self, ranges: Sequence[Range]) -> Sequence[Any]:
        """The examples of these ranges, one after the other. Called in the processes of `training.workers`, too."""
        ...


@dataclass(frozen=True)
class Stream:
    """Data that is read in shards, of which a few are in memory at a time.

    Every process reads its own part: in each epoch the shards have another order, the processes divide them, and the
    examples of neighbouring shards are mixed (`training.window`).

    Attributes:
        shards: where the examples come from.
        transform: makes the pair of inputs and targets of what `shards` has read. Random numbers that it draws from PyTorch
            are the same in a run that was interrupted, with any number of workers.
    """

    shards: Shards
    transform: Callable[[Any], Example] = field(default=lambda example: example)

    def __len__(self) -> int:
        return int(np.sum(self.shards.sizes))


@dataclass(frozen=True)
class Part:
    """Some shards of others.

    Attributes:
        shards: all of them.
        numbers: which of them belong to the part.
    """

    shards: Shards
    numbers: Sequence[int]

    @property
    def sizes(self) -> Any:
        """How many examples each has."""
        return np.asarray(self.shards.sizes)[np.asarray(self.numbers, dtype=np.int64)]

    def read(self, ranges: Sequence[Range]) -> Sequence[Any]:
        """The examples of these ranges."""
        return self.shards.read(
            [(int(self.numbers[shard]), low, high) for shard, low, high in ranges]
        )


def divide(shards: Shards, fractions: Sequence[float], seed: int) -> list[Part]:
    """Divide shards into parts that have nothing in common. The same seed always gives the same parts.

    Args:
        fractions: the share of each part but the last, which has the rest: `(0.2, 0.1)` gives test, validation and training
            data. No shard is cut: a part has its share, and at most the rest of one shard more.

    Raises:
        ValueError: there are too few shards.
    """
    order = np.random.default_rng(seed).permutation(len(shards.sizes))
    ends = np.cumsum(np.asarray(shards.sizes, dtype=np.int64)[order])
    cuts, begin = [], 0
    for fraction in fractions:
        before = ends[begin - 1] if begin else 0
        begin = int(np.searchsorted(ends, before + fraction * ends[-1])) + 1
        cuts.append(begin)
    if begin >= len(order):
        raise ValueError(
            f"{len(order)} shards are too few to divide them into parts of {fractions}"
        )
    return [Part(shards, part.tolist()) for part in np.split(order, cuts)]


@dataclass(frozen=True)
class Version:
    """Which data it is.

    Attributes:
        sha256: the hash that differs when the data does.
        manifest: what it was made of, a line for each file; may be empty.
        lineage: how it was made, as JSON, where a pipeline has left that beside it; may be empty.
    """

    sha256: str
    manifest: str = ""
    lineage: str = ""


@dataclass(frozen=True)
class Datasets:
    """The data of a task: three parts, each with a length, and examples that are pairs of inputs and targets.

    Attributes:
        train: what is trained on.
        validation: what chooses the best epoch.
        test: what is looked at once, at the end.
        version: tells which data it is. Called once, by the first process, beside the training.
        collate: makes one batch of a list of examples: a pair of what the network takes and what the loss takes.
    """

    train: Dataset[Any] | Stream
    validation: Dataset[Any] | Stream
    test: Dataset[Any] | Stream
    version: Callable[[], Version]
    collate: Callable[[list[Example]], Any] = default_collate
