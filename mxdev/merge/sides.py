"""The two sides of a file in which Git left conflict markers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mxdev.errors import MxError

_OURS, _BASE, _THEIRS, _END = (
    re.compile(rb"^" + mark + rb"(?: .*)?\r?\n?$") for mark in (rb"<{7}", rb"\|{7}", rb"={7}", rb">{7}")
)


@dataclass(frozen=True)
class Sides:
    """A conflicting file as it was before (None: it was not there) and on both sides."""

    base: bytes | None
    ours: bytes
    theirs: bytes


def from_markers(path: str, data: bytes) -> Sides:
    """Both sides out of the file itself; the base too, where Git wrote it (merge.conflictStyle diff3).

    Raises:
        MxError: the markers do not match up.
    """
    sides: dict[str, list[bytes]] = {"base": [], "ours": [], "theirs": []}
    into: tuple[str, ...] = ("base", "ours", "theirs")
    for line in data.splitlines(keepends=True):
        if _OURS.match(line) and len(into) == 3:
            into = ("ours",)
        elif _BASE.match(line) and into == ("ours",):
            into = ("base",)
        elif _THEIRS.match(line) and into in (("ours",), ("base",)):
            into = ("theirs",)
        elif _END.match(line) and into == ("theirs",):
            into = ("base", "ours", "theirs")
        else:
            for side in into:
                sides[side].append(line)
    if len(into) != 3:
        raise MxError(f"{path}: the conflict markers do not match up.", hint="Resolve that file by hand.")
    base, ours, theirs = (b"".join(sides[side]) for side in ("base", "ours", "theirs"))
    # Outside the markers both sides agree: where Git wrote no base, the lines they have in common are one.
    return Sides(base, ours, theirs)
