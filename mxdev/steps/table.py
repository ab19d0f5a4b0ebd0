"""What a run of steps shows: the one table before it, as text or as JSON, and what it costs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from mxdev.errors import MxError
from mxdev.steps.model import Row
from mxdev.system import console

JSON_VERSION = 1
_COLOURS = {
    "create": "green",
    "change": "yellow",
    "remove": "red",
    "blocked": "red",
    "later": "blue",
}


def show(rows: Sequence[Row]) -> None:
    """Print a row for each step, and below them what a person must know before they say yes."""
    width = max((len(row.step.title) for row in rows), default=0)
    for row in rows:
        verb = _verb(row.state.verb)
        console.out(f"{verb}  {row.step.title:<{width}}  {row.state.why}".rstrip())
        lines = (*row.state.details, *row.state.remedy.splitlines())
        for line in lines:
            console.out(f"{'':>12}{line}")
    _list("It will cost money afterwards:", (bill for row in rows for bill in row.bills), "yellow")
    _list("It will be lost:", (lost for row in rows for lost in row.destroys), "red")
    pending = [row for row in rows if row.pending]
    needed = (right for row in pending for right in row.step.permissions)
    _list("You need these rights:", needed, "cyan")


def _verb(verb: str) -> str:
    """The verb as a column; what is done has the terminal's own colour."""
    column = f"{verb:>10}"
    return console.paint(column, _COLOURS[verb]) if verb in _COLOURS else column


def _list(heading: str, items: Iterable[str], colour: str) -> None:
    once = list(dict.fromkeys(items))
    if once:
        console.out(console.paint(heading, colour))
        for item in once:
            console.out(f"  {item}")


def summary(rows: Sequence[Row]) -> str:
    """How many steps there are of each verb, in words."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.state.verb] = counts.get(row.state.verb, 0) + 1
    return ", ".join(f"{count} {verb}" for verb, count in counts.items()) or "nothing to do"


def as_json(outcome: str, rows: Sequence[Row], error: MxError | None = None) -> str:
    """The answer of a run as one JSON object."""
    return json.dumps(
        {
            "version": JSON_VERSION,
            "outcome": outcome,
            "steps": [_row(row) for row in rows],
            "error": str(error) if error else None,
        }
    )


def _row(row: Row) -> dict[str, object]:
    return {
        "name": row.step.name,
        "title": row.step.title,
        "needs": list(row.step.needs),
        "state": row.state.verb,
        "why": row.state.why,
        "remedy": row.state.remedy or None,
        "bills": list(row.bills),
        "destroys": list(row.destroys),
        "permissions": list(row.step.permissions),
        "details": list(row.state.details),
        "result": row.result,
    }
