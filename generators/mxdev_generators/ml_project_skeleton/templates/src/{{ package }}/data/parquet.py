"""Rows of Parquet files, row group by row group."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .datasets import Range
from .folder import Folder

# So many files are opened at a time to see how many rows they have.
_AT_A_TIME = 16
# The kind of a column in which no row of a file has a value.
_NOTHING = "null"


class Parquet:
    """Rows as dictionaries, by column. A row group is a shard: one has to fit into the memory.

    Args:
        folder: where the files lie.
        within: in which folder of it, such as `train`.
        columns: which columns are read; all of them without it.
        empty: cells may be empty: they are None then. Without it, an empty cell is an error when it is read.

    Raises:
        ValueError: a file is no Parquet, or has other columns than the first one.
    """

    def __init__(
        self,
        folder: Folder,
        within: str = "",
        columns: Sequence[str] | None = None,
        empty: bool = False,
    ) -> None:
        self._folder, self._columns = folder, list(columns) if columns else None
        self._empty = empty
        self._names = [file.name for file in folder.named(within, ".parquet")]
        with ThreadPoolExecutor(_AT_A_TIME) as threads:
            seen = list(threads.map(self._look, self._names))
        for name, (_, kinds) in zip(self._names, seen, strict=True):
            self._compare(name, kinds, self._names[0], seen[0][1])
        groups = [sizes for sizes, _ in seen]
        self._groups = groups
        self._places = [
            (file, group) for file, sizes in enumerate(groups) for group in range(len(sizes))
        ]
        self.sizes = np.array([size for sizes in groups for size in sizes], dtype=np.int64)

    def read(self, ranges: Sequence[Range]) -> Sequence[dict[str, Any]]:
        """The rows: numbers, text, bytes, and arrays where a column has lists.

        Raises:
            ValueError: a file is damaged, or a cell is empty.
        """
        return [row for one in ranges for row in self._rows(*one)]

    def _rows(self, shard: int, low: int, high: int) -> Iterator[dict[str, Any]]:
        file, group = self._places[shard]
        with self._opened(self._names[file]) as opened:
            table = opened.read_row_group(group, columns=self._columns)
        part = table.slice(low, high - low)
        if not self._empty:
            self._refuse_empty(part, file, sum(self._groups[file][:group]) + low)
        columns = [_values(part.column(name)) for name in part.column_names]
        for values in zip(*columns, strict=True):
            yield dict(zip(part.column_names, map(_own, values), strict=True))

    @contextmanager
    def _opened(self, name: str) -> Iterator[pq.ParquetFile]:
        try:
            with self._folder.open(name) as opened:
                yield pq.ParquetFile(opened)
        except (pa.ArrowException, OSError) as problem:
            raise ValueError(f"{self._folder.uri}/{name} cannot be read: {problem}") from problem

    def _look(self, name: str) -> tuple[list[int], dict[str, str]]:
        """How many rows each row group of a file has, and of which kind its columns are."""
        with self._opened(name) as opened:
            metadata, schema = opened.metadata, opened.schema_arrow
        for column in schema.names:
            if schema.names.count(column) > 1:
                raise ValueError(f"{self._folder.uri}/{name} has two columns {column!r}")
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        return sizes, {one.name: _kind(one.type) for one in schema}

    def _compare(
        self, name: str, kinds: dict[str, str], first: str, kinds_of_first: dict[str, str]
    ) -> None:
        """Raise ValueError where a file does not have the columns that are wanted, as the first one has them."""
        where = f"{self._folder.uri}/{name}"
        for column in self._columns or [*kinds_of_first, *kinds]:
            # A part of a column is asked for by its path: `box.left`.
            top = column if column in kinds else column.partition(".")[0]
            if top not in kinds:
                raise ValueError(
                    f"{where} has no column {column!r}; its columns are {', '.join(kinds)}"
                )
            if top not in kinds_of_first:
                raise ValueError(f"{where} has a column {column!r}, and {first} has none")
            if kinds[top] != kinds_of_first[top] and _NOTHING not in (
                kinds[top],
                kinds_of_first[top],
            ):
                raise ValueError(
                    f"{where}: the column {column!r} is {kinds[top]}, and in {first} it is {kinds_of_first[top]}"
                )

    def _refuse_empty(self, part: pa.Table, file: int, before: int) -> None:
        """Raise ValueError where a cell of the part, or an item of a list in it, is empty."""
        for name in part.column_names:
            row = _first_empty(part.column(name))
            if row is not None:
                raise ValueError(
                    f"{self._folder.uri}/{self._names[file]}, row {before + row + 1}: {name!r} is empty. Fill it, take the row "
                    "out, or read with Parquet(…, empty=True): then it is None."
                )


def _kind(its: pa.DataType) -> str:
    """The type of a column, as far as it makes a difference."""
    if pa.types.is_dictionary(its):
        return _kind(its.value_type)
    if pa.types.is_integer(its) or pa.types.is_floating(its):
        return "number"
    if pa.types.is_string(its) or pa.types.is_large_string(its):
        return "text"
    if pa.types.is_binary(its) or pa.types.is_large_binary(its):
        return "bytes"
    if pa.types.is_list(its) or pa.types.is_large_list(its):
        return f"list of {_kind(its.value_type)}"
    return str(its)


def _first_empty(column: pa.ChunkedArray) -> int | None:
    """The first row without a value, or with a list that has an item without one."""
    if column.null_count:
        return int(pc.index(column.is_null(), True).as_py())
    lists = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    if lists and pc.list_flatten(column).null_count:
        return next(row for row, items in enumerate(column) if None in items.as_py())
    return None


def _values(column: pa.ChunkedArray) -> Any:
    """The values of a column; None where there is none, and numbers beside it stay what they are."""
    its = column.type
    if column.null_count and (pa.types.is_integer(its) or pa.types.is_floating(its)):
        there = column.is_valid().to_numpy()
        numbers = column.fill_null(0).to_numpy()
        return [value if known else None for value, known in zip(numbers, there, strict=True)]
    return column.to_numpy()


def _own(value: Any) -> Any:
    """A value that does not keep the whole row group in memory, and may be written to."""
    return value.copy() if isinstance(value, np.ndarray) else value
