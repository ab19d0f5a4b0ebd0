"""Rows of Parquet files, row group by row group."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from .datasets import Range
from .folder import Folder

# So many files are opened at a time to see how many rows they have.
_AT_A_TIME = 16


class Parquet:
    """Rows as dictionaries, by column. A row group is a shard: one has to fit into the memory.

    Args:
        folder: where the files lie.
        within: in which folder of it, such as `train`.
        columns: which columns are read; all of them without it.
    """

    def __init__(
        self, folder: Folder, within: str = "", columns: Sequence[str] | None = None
    ) -> None:
        self._folder, self._columns = folder, list(columns) if columns else None
        self._names = [file.name for file in folder.named(within, ".parquet")]
        with ThreadPoolExecutor(_AT_A_TIME) as threads:
            groups = list(threads.map(self._row_groups, self._names))
        self._places = [
            (file, group) for file, sizes in enumerate(groups) for group in range(len(sizes))
        ]
        self.sizes = np.array([size for sizes in groups for size in sizes], dtype=np.int64)

    def read(self, ranges: Sequence[Range]) -> Sequence[dict[str, Any]]:
        """The rows: numbers, text, bytes, and arrays where a column has lists."""
        return [row for one in ranges for row in self._rows(*one)]

    def _rows(self, shard: int, low: int, high: int) -> Iterator[dict[str, Any]]:
        file, group = self._places[shard]
        with self._folder.open(self._names[file]) as opened:
            table = pq.ParquetFile(opened).read_row_group(group, columns=self._columns)
        part = table.slice(low, high - low)
        columns = [part.column(name).to_numpy() for name in part.column_names]
        for values in zip(*columns, strict=True):
            yield dict(zip(part.column_names, map(_own, values), strict=True))

    def _row_groups(self, name: str) -> list[int]:
        with self._folder.open(name) as opened:
            metadata = pq.ParquetFile(opened).metadata
        return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


def _own(value: Any) -> Any:
    """A value that does not keep the whole row group in memory, and may be written to."""
    return value.copy() if isinstance(value, np.ndarray) else value
