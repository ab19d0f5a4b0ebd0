"""What the page takes, and how that becomes inputs of the network. With another task, this is what you change."""

import csv
import io
import math

import torch
from torch import Tensor

ASKS_FOR = "A CSV file with one row for each case; its first line may have the names of the columns"
TYPES = ("csv",)
MOST_ROWS = 1000


class UploadError(Exception):
    """What was uploaded is nothing that the model takes; why, in words for whoever uploaded it."""


def read(data: bytes, size: tuple[int, ...]) -> Tensor:
    """The inputs (rows, columns) in an uploaded file.

    Args:
        data: CSV in UTF-8.
        size: how many columns the network takes.

    Raises:
        UploadError: it is no such table, with the line.
    """
    (columns,) = size
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as problem:
        raise UploadError(f"This is no CSV file in UTF-8: {problem}.") from None
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line]
    if numbered and not any(_is_number(value) for value in numbered[0][1]):
        del numbered[0]
    if not 0 < len(numbered) <= MOST_ROWS:
        raise UploadError(f"The file has {len(numbered)} rows; the page takes 1 to {MOST_ROWS}.")
    return torch.tensor([_row(number, line, columns) for number, line in numbered])


def _row(number: int, line: list[str], columns: int) -> list[float]:
    if len(line) != columns:
        raise UploadError(f"Line {number} has {len(line)} values; the model takes {columns}.")
    for place, value in enumerate(line, 1):
        if not _is_number(value):
            raise UploadError(f"Line {number}, column {place}: {value[:40]!r} is not a number.")
    return [float(value) for value in line]


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False
