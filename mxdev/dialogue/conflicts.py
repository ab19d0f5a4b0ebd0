"""A conflict, file by file: overwrite, keep, merge, or decide place by place."""

from __future__ import annotations

import sys
from dataclasses import replace

from mxdev.dialogue import places
from mxdev.dialogue.show import bytes_of
from mxdev.merge.diff import difference
from mxdev.plan.model import Change, Resolution
from mxdev.system import console


class Quit(Exception):
    """The person answered a question with quit."""


_HELP = """  y  yes: overwrite yours with what the generator renders (mx keeps your bytes in .mx/undo)
  n  no: keep yours
  a  all: yes, to this and all that follow
  k  keep all: no, to this and all that follow
  p  places: decide for each place in the file: yours, the generator's, both, or in your editor
  d  diff: show what would change
  m  merge: write both into the file, with conflict markers
  q  quit: stop; nothing has been written
  h  help: show this"""


def ask(change: Change, which: str) -> Resolution | None:
    """Ask about one conflict; what is to become of all that follow, if that was said.

    Args:
        change: the conflict; the answer is its resolution.
        which: which one of how many, in words.

    Raises:
        Quit: the person gave up.
    """
    merges = "merge" in change.choices
    keys = "[y/n/a/k/p/d/m/q/h]" if merges else "[y/n/a/k/d/q/h]"
    while True:
        console.err(
            f"{console.paint('conflict', 'red', sys.stderr)}  {change.path}: {change.reason} ({which})"
        )
        answer = console.ask(f"Overwrite it? {keys}").strip().lower()[:1]
        if answer in ("y", "a"):
            change.resolve("overwrite")
            return "overwrite" if answer == "a" else None
        if answer in ("n", "k"):
            change.resolve("keep")
            return "keep" if answer == "k" else None
        if answer == "m" and merges:
            change.resolve("merge")
            return None
        if answer == "p" and merges:
            _by_places(change)
            return None
        if answer == "q":
            raise Quit
        if answer == "d":
            console.err(
                difference(change.path, bytes_of(change.before), bytes_of(change.choices["overwrite"]))
            )
        else:
            console.err(_HELP)


def _by_places(change: Change) -> None:
    """Have a person decide place by place.

    Raises:
        Quit: they gave up.
    """
    merged = change.choices["merge"]
    assert merged is not None  # a file that is merged is there
    decided = places.settle(change.path, merged.data)
    if decided is None:
        raise Quit
    change.choices = {**change.choices, "merge": replace(merged, data=decided, raw=None)}
    change.resolve("merge")
