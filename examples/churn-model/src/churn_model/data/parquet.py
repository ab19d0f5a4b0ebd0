"""Rows of Parquet files, row group by row group."""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
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
# What a column may be, whatever its type: readers of its values see no difference.
_KINDS = {
    "number": (pa.types.is_integer, pa.types.is_floating),
    "decimal": (pa.types.is_decimal,),
    "text": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    "bytes": (
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_binary_view,
        pa.types.is_fixed_size_binary,
    ),
    "time": (pa.types.is_timestamp,),
    "date": (pa.types.is_date,),
    "time of day": (pa.types.is_time,),
    "duration": (pa.types.is_duration,),
}
_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
_Types = dict[str, pa.DataType]


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
        for name, (_, types) in zip(self._names, seen, strict=True):
            self._compare(name, types, self._names[0], seen[0][1])
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

    def _look(self, name: str) -> tuple[list[int], _Types]:
        """How many rows each row group of a file has, and of which type its columns are."""
        with self._opened(name) as opened:
            metadata, schema = opened.metadata, opened.schema_arrow
        times = Counter(schema.names)
        for column in self._columns or times:
            if times[_top(column, times)] > 1:
                raise ValueError(f"{self._folder.uri}/{name} has two columns {column!r}")
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        return sizes, {one.name: one.type for one in schema}

    def _compare(self, name: str, types: _Types, first: str, types_of_first: _Types) -> None:
        """Raise ValueError where a file does not have the columns that are wanted, as the first one has them."""
        where = f"{self._folder.uri}/{name}"
        for column in self._columns or [*types_of_first, *types]:
            top = _top(column, types)
            if top not in types:
                raise ValueError(
                    f"{where} has no column {column!r}; its columns are {', '.join(types)}"
                )
            if top not in types_of_first:
                raise ValueError(f"{where} has a column {column!r}, and {first} has none")
            here, there = types[top], types_of_first[top]
            if not _alike(here, there):
                raise ValueError(
                    f"{where}: the column {column!r} is {_kind(here)}, and in {first} it is {_kind(there)}"
                )

    def _refuse_empty(self, part: pa.Table, file: int, before: int) -> None:
        """Raise ValueError where a cell of the part, or an item of a list in it, is empty."""
        for name in part.column_names:
            row = _first_empty(part.column(name).combine_chunks())
            if row is not None:
                raise ValueError(
                    f"{self._folder.uri}/{self._names[file]}, row {before + row + 1}: {name!r} is empty. Fill it, take the row "
                    "out, or read with Parquet(…, empty=True): then it is None."
                )


def _top(column: str, known: Container[str]) -> str:
    """The column that a part is asked of by its path: `box` for `box.left`."""
    return column if column in known else column.partition(".")[0]


def _alike(one: pa.DataType, other: pa.DataType) -> bool:
    """Whether two types are of the same kind. Where no row of a file has a value, any kind is its own."""
    if pa.types.is_null(one) or pa.types.is_null(other):
        return True
    if _is_list(one) and _is_list(other):
        return _alike(one.value_type, other.value_type)
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        here, there = ({part.name: part.type for part in its} for its in (one, other))
        return here.keys() == there.keys() and all(
            _alike(its, there[name]) for name, its in here.items()
        )
    return _kind(one) == _kind(other)


def _kind(its: pa.DataType) -> str:
    """The type of a column, as far as it makes a difference."""
    if pa.types.is_dictionary(its):
        return _kind(its.value_type)
    if _is_list(its):
        return f"list of {_kind(its.value_type)}"
    if pa.types.is_struct(its):
        return f"struct of {', '.join(f'{part.name}: {_kind(part.type)}' for part in its)}"
    return next(
        (kind for kind, holds in _KINDS.items() if any(is_(its) for is_ in holds)), str(its)
    )


def _is_list(its: pa.DataType) -> bool:
    return any(is_(its) for is_ in _LISTS)


def _first_empty(values: pa.Array) -> int | None:
    """The first row without a value; where all have one, the first with a list or a struct in which one is missing."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if values.null_count:
        return int(pc.index(values.is_null(), True).as_py())
    if pa.types.is_struct(values.type):
        found = [_first_empty(part) for part in values.flatten()]
        return min((row for row in found if row is not None), default=None)
    if _is_list(values.type):
        item = _first_empty(pc.list_flatten(values))
        ends = np.cumsum(pc.list_value_length(values).to_numpy())
        return None if item is None else int(np.searchsorted(ends, item, side="right"))
    return None


def _values(column: pa.ChunkedArray) -> Any:
    """The values of a column; None where there is none, and numbers beside it stay what they are."""
    its = column.type
    if column.null_count and (pa.types.is_integer(its) or pa.types.is_floating(its)):
        there = column.is_valid().to_numpy()
        numbers = column.fill_null(0).to_numpy()
        return [value if known else None for value, known in zip(numbers, there, strict=True)]
    if column.null_count and pa.types.is_temporal(its):
        there = column.is_valid().to_numpy()
        return [
            value if known else None for value, known in zip(column.to_numpy(), there, strict=True)
        ]
    return column.to_numpy()


def _own(value: Any) -> Any:
    """A value that does not keep the whole row group in memory, and may be written to."""
    return value.copy() if isinstance(value, np.ndarray) else value
