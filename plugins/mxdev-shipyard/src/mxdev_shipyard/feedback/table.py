"""Data sets and labels as tables: CSV whose last column is `label`; what stands before it is the instance, as text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mxdev.errors import UsageProblem

LABEL, HINTS = "label", ("score", "predicted")
Instance = tuple[str, ...]
Key = tuple[str | float, ...]


@dataclass(frozen=True)
class Table:
    """The names of the columns but `label`, and the rows in order, each an instance and its label.

    An instance may have several rows, of several labels or of none: a data set is what it is.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Instance, str], ...]

    def text(self) -> str:
        """As CSV."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*self.columns, LABEL])
        writer.writerows([*instance, label] for instance, label in self.rows)
        return out.getvalue()

    def corrected(self, labels: Iterable[Table], *, without: Iterable[Instance]) -> Table:
        """With others' labels, the later of an instance's: in each row that it has, or in one more; what is in `without` stays as it is.

        Raises:
            UsageProblem: a table has other columns.
        """
        tables = list(labels)
        for table in tables:
            if len(table.columns) != len(self.columns):
                raise UsageProblem(
                    f"Labels have the columns {', '.join(table.columns)}, and the data set has {', '.join(self.columns)}."
                )
        given = latest(tables)
        for one in without:
            given.pop(same(one), None)
        rows = [
            (instance, given[same(instance)][1] if same(instance) in given else label)
            for instance, label in self.rows
        ]
        known = {same(instance) for instance, _ in self.rows}
        return Table(self.columns, (*rows, *(row for key, row in given.items() if key not in known)))


def latest(tables: Iterable[Table]) -> dict[Key, tuple[Instance, str]]:
    """The label of each instance: that of the last row of the last table that has one."""
    found: dict[Key, tuple[Instance, str]] = {}
    for table in tables:
        for instance, label in table.rows:
            if label.strip():
                first, _ = found.get(same(instance), (instance, ""))
                found[same(instance)] = (first, label.strip())
    return found


def parse(text: str, name: str) -> Table:
    """A table, with all that it has.

    Raises:
        UsageProblem: it is none.
    """
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or len(rows[0]) < 2 or rows[0][-1] != LABEL:
        raise UsageProblem(f"{name} has no last column `{LABEL}`.")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            raise UsageProblem(
                f"{name}:{number}: it has {len(row)} cells, and the first row has {len(rows[0])}."
            )
    return Table(tuple(rows[0][:-1]), tuple((tuple(row[:-1]), row[-1]) for row in rows[1:]))


def parse_labels(text: str, name: str) -> Table:
    """What people labelled: each instance once, without those that have no label and without the first columns that only helped.

    Raises:
        UsageProblem: it is no table, or has no other columns.
    """
    whole = parse(text, name)
    hints = len(HINTS) if whole.columns[: len(HINTS)] == HINTS else 0
    if len(whole.columns) == hints:
        raise UsageProblem(f"{name} has no column of an instance.")
    rows = tuple((instance[hints:], label) for instance, label in whole.rows)
    labels = latest([Table(whole.columns[hints:], rows)])
    return Table(whole.columns[hints:], tuple(labels.values()))


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
    left, done = [], {same(one) for one in known}
    for one in sorted(predictions, key=lambda one: (one.score, one.instance)):
        if same(one.instance) not in done:
            done.add(same(one.instance))
            left.append(one)
    width = len(left[0].instance) if left else 1
    columns = ["text"] if width == 1 else [f"x{at}" for at in range(1, width + 1)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*HINTS, *columns, LABEL])
    writer.writerows([f"{one.score:.4f}", one.label, *one.instance, ""] for one in left[:most])
    return out.getvalue()


def same(instance: Instance) -> Key:
    """What makes `5.1` and `5.10` the same instance."""
    if len(instance) == 1:
        return instance
    try:
        numbers = [float(cell) for cell in instance]
    except ValueError:
        return instance
    return tuple("nan" if number != number else number for number in numbers)  # which equals nothing
