"""Arrays of a Zarr group, chunk by chunk. The package `zarr` is an extra: `uv pip install -e '.[zarr]'`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .datasets import Range
from .folder import Folder


class ZarrArrays:
    """Arrays whose first axis counts the examples. A chunk of the first of them is a shard.

    Args:
        folder: where the group lies.
        arrays: the names of its arrays; an example has a part of each, in this order.
        within: in which folder it lies, such as `train.zarr`.

    Raises:
        ValueError: there is no such array, or they are not of the same length.
    """

    def __init__(self, folder: Folder, arrays: Sequence[str], within: str = "") -> None:
        self._uri = "/".join(part for part in (folder.uri, within.strip("/")) if part)
        self._arrays = tuple(arrays)
        if not arrays:
            raise ValueError(f"name an array of {self._uri}")
        opened = self._open()
        for name, array in zip(arrays, opened, strict=True):
            if not getattr(array, "shape", ()):
                raise ValueError(f"{name!r} of {self._uri} is no array with an axis of examples")
        lengths = {name: array.shape[0] for name, array in zip(arrays, opened, strict=True)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"the arrays of {self._uri} have different lengths: {lengths}")
        length = opened[0].shape[0]
        self._step = int((opened[0].shards or opened[0].chunks)[0])
        self.sizes = np.array(
            [min(self._step, length - begin) for begin in range(0, length, self._step)],
            dtype=np.int64,
        )

    def read(self, ranges: Sequence[Range]) -> Sequence[tuple[Any, ...]]:
        """The examples: a NumPy array or number of each array.

        Raises:
            ValueError: a chunk is damaged.
        """
        opened = self._open()
        examples: list[tuple[Any, ...]] = []
        for shard, low, high in ranges:
            begin = shard * self._step
            parts = [
                self._part(name, array, begin + low, begin + high)
                for name, array in zip(self._arrays, opened, strict=True)
            ]
            examples += zip(*parts, strict=True)
        return examples

    def _open(self) -> list[Any]:
        """The arrays. Opened anew each time: a worker must not use what this process opened."""
        import zarr

        group = zarr.open_group(self._uri, mode="r")
        try:
            return [group[name] for name in self._arrays]
        except KeyError:
            # Only here: to list a group in a bucket takes a request for each of its members.
            there = sorted(group.array_keys())
            missing = next(name for name in self._arrays if name not in group)
            raise ValueError(
                f"{self._uri} has no array {missing!r}; it has {', '.join(there)}"
            ) from None

    def _part(self, name: str, array: Any, low: int, high: int) -> Any:
        try:
            return array[low:high]
        except (RuntimeError, ValueError) as problem:
            raise ValueError(
                f"{self._uri}, array {name!r}, examples {low} to {high - 1} cannot be read: {problem}"
            ) from problem
