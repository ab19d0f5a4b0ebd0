"""Data sets as tables: CSV whose last column is `label`; what stands before it is the instance, as text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mxdev.errors import UsageProblem

LABEL, HINTS = "label", ("score", "predicted")
Instance = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The names of the columns but `label`, and the label of each instance, in order."""

    columns: tuple[str, ...]
    rows: Mapping[Instance, str]

    def text(self) -> str:
        """As CSV."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*self.columns, LABEL])
        writer.writerows([*instance, label] for instance, label in self.rows.items())
        return out.getvalue()

    def corrected(self, labels: Iterable[Table], *, without: Iterable[Instance]) -> Table:
        """With others' labels: of an instance that has one the later counts; instances of `without` get no row more.

        Raises:
            UsageProblem: a table has other columns.
        """
        rows, left_out = dict(self.rows), {_numbers(one) for one in without}
        known = {_numbers(one): one for one in rows}
        for table in labels:
            if len(table.columns) != len(self.columns):
                raise UsageProblem(
                    f"Labels have the columns {', '.join(table.columns)}, and the data set has {', '.join(self.columns)}."
                )
            for instance, label in table.rows.items():
                if _numbers(instance) not in left_out:
                    rows[known.setdefault(_numbers(instance), instance)] = label
        return Table(self.columns, rows)


def parse(text: str, name: str) -> Table:
    """A table; rows without a label are left out, and so are the columns that only help whoever labels.

    Raises:
        UsageProblem: it is none.
    """
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or len(rows[0]) < 2 or rows[0][-1] != LABEL:
        raise UsageProblem(f"{name} has no last column `{LABEL}`.")
    head = rows[0][:-1]
    wanted = [at for at, column in enumerate(head) if column not in HINTS]
    found: dict[Instance, str] = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            raise UsageProblem(
                f"{name}:{number}: it has {len(row)} cells, and the first row has {len(rows[0])}."
            )
        if row[-1].strip():
            found[tuple(row[at] for at in wanted)] = row[-1].strip()
    return Table(tuple(head[at] for at in wanted), found)


@dataclass(frozen=True)
class Served:
    """A prediction that was served."""

    instance: Instance
    label: str
    score: float


def served(lines: Iterable[str]) -> list[Served]:
    """The predictions of files that the service wrote; a line that was torn off is no prediction."""
    found = []
    for line in lines:
        try:
            one = json.loads(line)
            value = one["instance"]
            cells = [value] if isinstance(value, str) else [str(cell) for cell in value]
            found.append(Served(tuple(cells), str(one["label"]), float(one["score"])))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def to_label(predictions: Sequence[Served], known: Iterable[Instance], most: int) -> str:
    """A table for people: each instance once, the least certain first, without those that have a label already."""
    left, done = [], {_numbers(one) for one in known}
    for one in sorted(predictions, key=lambda one: (one.score, one.instance)):
        if _numbers(one.instance) not in done:
            done.add(_numbers(one.instance))
            left.append(one)
    width = len(left[0].instance) if left else 1
    columns = ["text"] if width == 1 else [f"x{at}" for at in range(1, width + 1)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*HINTS, *columns, LABEL])
    writer.writerows([f"{one.score:.4f}", one.label, *one.instance, ""] for one in left[:most])
    return out.getvalue()


def _numbers(instance: Instance) -> tuple[str | float, ...]:
    """What makes `5.1` and `5.10` the same instance."""
    if len(instance) == 1:
        return instance
    try:
        return tuple(float(cell) for cell in instance)
    except ValueError:
        return instance
