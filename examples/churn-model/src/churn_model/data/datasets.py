"""What a task hands over: its data, divided, whole in memory or in shards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

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

    sizes: Sequence[int]

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
        return sum(self.shards.sizes)


@dataclass(frozen=True)
class Datasets:
    """The data of a task: three parts, each with a length, and examples that are pairs of inputs and targets.

    Attributes:
        train: what is trained on.
        validation: what chooses the best epoch.
        test: what is looked at once, at the end.
        version: a hash that tells this data from other data. Called once, beside the training.
        collate: makes one batch of a list of examples: a pair of what the network takes and what the loss takes.
    """

    train: Dataset[Any] | Stream
    validation: Dataset[Any] | Stream
    test: Dataset[Any] | Stream
    version: Callable[[], str]
    collate: Callable[[list[Example]], Any] = default_collate
