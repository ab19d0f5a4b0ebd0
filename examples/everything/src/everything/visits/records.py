"""What a record is: how it is read of a raw file, and what makes it a bad one. This file is yours to change.

What it reads are tables: `.csv` with the names of the columns in the first line, and `.jsonl` with an object in each line.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple

import pyarrow as pa

SUFFIXES = (".csv", ".jsonl")

Record = dict[str, Any]
_TYPES = {"float": pa.float64(), "int": pa.int64(), "bool": pa.bool_(), "string": pa.string()}
# A cell has at most so many characters: what is longer is taken for a quote that nothing closes.
_LONGEST = 1 << 24
_ONE = r'(?:"{quoted}[^"]*(?:""[^"]*)*{end}"[ \t]*|{plain}(?:[^",\r\n][^,\r\n]*)?{end})'
_SPACED = re.compile("{0}(?:,{0})*".format(_ONE.format(quoted="(?:", plain="(?:", end=")")))
_CELL = re.compile("(?:^|,)" + _ONE.format(quoted="(?P<quoted>", plain="(?P<plain>", end=")"))
_FLAGS = {"true": True, "false": False, "1": True, "0": False}


class Bad(NamedTuple):
    """A record that is put aside.

    Attributes:
        reason: why; records are counted by it, so that it does not name the value.
        content: what was read.
    """

    reason: str
    content: str


@dataclass
class Column:
    """What a column may have: a type, and limits where there are some."""

    type: str
    required: bool = True
    low: float | None = None
    high: float | None = None
    choices: list[str] = field(default_factory=list)


@dataclass
class Format:
    """The columns of a record, by name (`records` in the configuration)."""

    columns: dict[str, Column]

    def check(self) -> None:
        """Raise ValueError where the configuration says what cannot be."""
        if not self.columns:
            raise ValueError("records.columns is empty: it says which columns a record has")
        for name, column in self.columns.items():
            if column.type not in _TYPES:
                known = ", ".join(_TYPES)
                raise ValueError(
                    f"records.columns.{name}.type is {column.type!r}; it is one of {known}"
                )

    def schema(self) -> Any:
        """The schema of the files that are written."""
        return pa.schema(
            [
                pa.field(name, _TYPES[column.type], nullable=not column.required)
                for name, column in self.columns.items()
            ]
        )


def read(name: str, file: IO[bytes], format: Format) -> Iterator[Record | Bad]:
    """The records of a raw file, good and bad, always in the same order."""
    # What is no UTF-8 concerns the record in which it stands, and not the rest of the file.
    lines = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    raw = _of_csv(lines, format) if name.lower().endswith(".csv") else _of_json(lines)
    for one in raw:
        yield one if isinstance(one, Bad) else checked(one, format)


class _Lines:
    """The lines of a file, of which those that the record at hand has taken can be given back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: list[str] = []
        self._taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._lines)
        self._taken.append(line)
        return line

    def begin(self) -> None:
        """Another record begins."""
        self._taken.clear()

    def taken(self) -> list[str]:
        """The lines of the record so far."""
        return list(self._taken)

    def give_back(self) -> str:
        """Give back all lines of the record but the first, which is returned."""
        first, *others = self._taken
        self._again += reversed(others)
        return first.rstrip("\r\n")


def _of_csv(text: io.TextIOWrapper, format: Format) -> Iterator[Record | Bad]:
    csv.field_size_limit(_LONGEST)
    lines = _Lines(text)
    table = csv.reader(lines, strict=True)
    try:
        header = next(table, [])
    except csv.Error as problem:
        yield Bad(f"no CSV: {problem}", lines.give_back())
        return
    needed = {name for name, column in format.columns.items() if column.required}
    if missing := sorted(needed - set(header)):
        yield Bad(f"the file has no column {missing[0]}", json.dumps(header))
        return
    if twice := sorted(name for name in format.columns if header.count(name) > 1):
        yield Bad(f"the file has the column {twice[0]} more than once", json.dumps(header))
        return
    while True:
        lines.begin()
        try:
            cells = next(table)
        except StopIteration:
            return
        except csv.Error as problem:
            found = _leniently("".join(lines.taken()).rstrip("\r\n"), len(header))
            if found is None:
                # A quote that nothing closes takes what follows for its text: one bad line, and not the rest of the file.
                yield Bad(f"no CSV: {problem}", lines.give_back())
                continue
            cells = found
        if len(cells) == len(header):
            yield dict(zip(header, cells, strict=True))
        elif cells:
            yield Bad("another number of cells than the header has", json.dumps(cells))


def _leniently(text: str, wanted: int) -> list[str] | None:
    """The cells of a record that has nothing worse in it than spaces behind a closing quote; None: it has, or other cells."""
    if not _SPACED.fullmatch(text):
        return None
    cells = [
        plain if quoted is None else quoted.replace('""', '"')
        for quoted, plain in ((one["quoted"], one["plain"]) for one in _CELL.finditer(text))
    ]
    return cells if len(cells) == wanted else None


def _of_json(lines: io.TextIOWrapper) -> Iterator[Record | Bad]:
    for line in lines:
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            yield Bad("no JSON", line.rstrip("\r\n"))
            continue
        yield found if isinstance(found, dict) else Bad("no JSON object", line.rstrip("\r\n"))


def checked(raw: Mapping[str, Any], format: Format) -> Record | Bad:
    """The record with the types of its columns, or why it is a bad one."""
    record: Record = {}
    for name, column in format.columns.items():
        value = raw.get(name)
        if value is None or value == "":
            if column.required:
                return Bad(f"{name} is missing", json.dumps(raw))
            record[name] = None
            continue
        typed = _typed(value, column.type)
        if typed is None:
            return Bad(f"{name} is no {column.type}", json.dumps(raw))
        if column.low is not None and typed < column.low:
            return Bad(f"{name} is less than {column.low:g}", json.dumps(raw))
        if column.high is not None and typed > column.high:
            return Bad(f"{name} is more than {column.high:g}", json.dumps(raw))
        if column.choices and str(typed) not in column.choices:
            return Bad(f"{name} is none of {', '.join(column.choices)}", json.dumps(raw))
        record[name] = typed
    return record


def _typed(value: Any, kind: str) -> Any:
    """The value in that type; None: it is of another one."""
    if kind == "string":
        return _text(value)
    if kind == "bool":
        return value if isinstance(value, bool) else _FLAGS.get(str(value).strip().lower())
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(value) if kind == "int" and isinstance(value, str) else float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    if kind == "float":
        return float(number)
    whole = int(value) if number == int(number) else None
    return whole if whole is not None and -(2**63) <= whole < 2**63 else None


def _text(value: Any) -> str | None:
    """Text that can be written as UTF-8."""
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value
