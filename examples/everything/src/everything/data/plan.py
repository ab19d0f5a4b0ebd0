"""Which examples each step of an epoch takes, and in which process.

What a step takes depends on seed, epoch, step and the number of processes alone, and not on the number of workers or on where
a run was interrupted. All examples are taken once in an epoch. Nothing is read here.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from .datasets import Range


class Work(NamedTuple):
    """What is read at a time: one step of data in memory, a window of steps of a stream.

    Attributes:
        wanted: indices of a data set, ranges of a stream.
        steps: for each step the sizes of its parts.
        seed: of the random numbers that reading draws.
        shuffled: whether the examples change places within the work.
    """

    wanted: Sequence[Any]
    steps: list[list[int]]
    seed: int
    shuffled: bool


@dataclass(frozen=True)
class Share:
    """How a step is divided.

    Attributes:
        batch_size: examples of a step, of all processes together.
        rank: the number of this process.
        count: how many processes there are.
        parts: in how many parts a process takes its share, one after the other.
    """

    batch_size: int
    rank: int = 0
    count: int = 1
    parts: int = 1

    def __post_init__(self) -> None:
        if self.batch_size < self.count * self.parts:
            raise ValueError(
                f"training.batch_size is {self.batch_size}: less than one example for each of {self.count} processes"
                + (f" and {self.parts} parts (training.accumulate)" if self.parts > 1 else "")
            )

    def of(self, size: int, rank: int | None = None) -> int:
        """How many examples of a step with `size` a process has."""
        return len(range(self.rank if rank is None else rank, size, self.count))

    def least(self, size: int) -> int:
        """How many examples the smallest part of an epoch of `size` examples has."""
        full, rest = divmod(size, self.batch_size)
        # Who has no example of the last step takes one.
        mine = [max(1, self.of(step)) for step in (self.batch_size * bool(full), rest) if step]
        return min(self.cut(share)[-1] for share in mine)

    def cut(self, size: int) -> list[int]:
        """The sizes of the parts of `size` examples."""
        parts = min(self.parts, size)
        return [size // parts + (number < size % parts) for number in range(parts)]


def number_of(*parts: int) -> int:
    """A seed that differs from those of all other numbers."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def steps(size: int, share: Share) -> int:
    """How many steps an epoch of `size` examples has."""
    return -(-size // share.batch_size)


def of_dataset(size: int, share: Share, seed: int, first: int = 0) -> Iterator[Work]:
    """An epoch of a data set, from the step `first` on.

    Together the shares of all processes are the batches of one alone.
    """
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
    for step, batch in enumerate(order.split(share.batch_size)[first:], start=first):
        # The last batch may be too small for all: who has no example takes one that another has, too.
        mine = batch[min(share.rank, len(batch) - 1) :: share.count].tolist()
        yield Work(mine, [share.cut(len(mine))], number_of(seed, step, share.rank), False)


def of_stream(
    sizes: Sequence[int], share: Share, window: int, seed: int, first: int = 0
) -> Iterator[Work]:
    """An epoch of a stream, from the window on that has the step `first`: see `skipped`.

    The shards, in a random order, are one row of examples. Each process has a piece of the row, so that two share one shard at
    most, and takes it window by window; the examples of a window change places.

    Args:
        sizes: of all shards.
        window: how many steps are mixed; at least as many as the largest shard has examples for.
    """
    order = np.random.default_rng(seed).permutation(len(sizes))
    ends = np.cumsum(np.asarray(sizes, dtype=np.int64)[order])
    total = int(ends[-1])
    full, rest = divmod(total, share.batch_size)
    lengths = [
        full * share.of(share.batch_size, rank) + share.of(rest, rank)
        for rank in range(share.count)
    ]
    begin = sum(lengths[: share.rank])
    end = begin + lengths[share.rank]
    mine = share.of(share.batch_size)
    count, window = steps(total, share), steps_together(sizes, share, window)
    for start in range(first - first % window, count, window):
        low, high = begin + start * mine, min(begin + (start + window) * mine, end)
        taken = [share.cut(min(mine, high - at)) for at in range(low, high, mine)]
        wanted = ranges(order, ends, low, high)
        if len(taken) < min(window, count - start):
            # The last step is too small for all: who has no example takes one for the second time.
            again = begin if begin < end else share.rank % total
            wanted += ranges(order, ends, again, again + 1)
            taken.append([1])
        yield Work(wanted, taken, number_of(seed, start, share.rank), True)


def in_order(
    size: int, share: Share, window: int = 1
) -> Iterator[tuple[int, int, list[list[int]]]]:
    """This process's part of `size` examples, for measuring: where it begins, where it ends, and the sizes of its batches.

    No example is taken twice. The parts differ by one example at most; one may be empty.
    """
    begin, end = (size * rank // share.count for rank in (share.rank, share.rank + 1))
    mine = share.of(share.batch_size, 0)
    for low in range(begin, end, window * mine):
        high = min(low + window * mine, end)
        yield low, high, [share.cut(min(mine, high - at)) for at in range(low, high, mine)]


def row(sizes: Sequence[int]) -> tuple[Any, Any]:
    """The row of examples in the order of the shards: their numbers, and where each ends."""
    return np.arange(len(sizes)), np.cumsum(np.asarray(sizes, dtype=np.int64))


def ranges(order: Any, ends: Any, low: int, high: int) -> list[Range]:
    """Which parts of which shards have the examples from `low` to `high` of the row."""
    found: list[Range] = []
    place = int(np.searchsorted(ends, low, side="right"))
    while low < high:
        begin = int(ends[place - 1]) if place else 0
        stop = min(int(ends[place]), high)
        if stop > low:
            found.append((int(order[place]), low - begin, stop - begin))
        low, place = max(low, stop), place + 1
    return found


def steps_together(sizes: Sequence[int], share: Share, window: int) -> int:
    """How many steps a window of a stream has: `window`, or more, so that no shard is read for more than two windows."""
    mine = share.of(share.batch_size)
    return max(window, -(-int(np.max(sizes)) // mine))


def skipped(first: int, window: int) -> int:
    """How many steps of the first window lie before the step `first`."""
    return first % window
