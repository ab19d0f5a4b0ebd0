"""A record in which Git left conflict markers: two branches rendered the same generator. What to do, so that nothing is lost."""

from __future__ import annotations

import shlex
from pathlib import Path, PurePosixPath
from typing import Any

from mxdev.errors import MxError
from mxdev.merge.sides import from_markers
from mxdev.project.records import PRISTINE, parse


def hint(root: Path, where: str, data: bytes) -> str:
    """The commands that put it right.

    What was rendered is made again by `mx update`, from one side's record and the files as they are merged. What only the other
    side's record has is its options: they are named.

    Args:
        root: the project's folder.
        where: the record, relative to it.
        data: what stands there.
    """
    pristine = f"{PRISTINE}/{PurePosixPath(where).stem}"
    paths = [where, *([pristine] if (root / pristine).is_dir() else [])]
    lines = [
        "Two branches rendered the same generator. Take your side's record of it, whole: "
        f"`git checkout --no-overlay HEAD -- {shlex.join(paths)}`. Resolve the files that it renders (`mx resolve` does those "
        "that generators share), then run `mx update`: it merges, and your edits stay.",
    ]
    try:
        sides = from_markers(where, data)
        ours, theirs = (parse(side, where) for side in (sides.ours, sides.theirs))
        changes = _changes(ours, theirs)
    except (MxError, AttributeError, KeyError):
        changes = []
        lines.append("Compare its options with those of the other side, which `mx set` brings back.")
    if changes:
        lines.append(f"The other branch had other options; to have those: `mx set {shlex.join(changes)}`.")
    return "\n".join(lines)


def _changes(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """What `mx set` is given to have the other side's options: those that differ."""
    have, found = ours.get("options") or {}, []
    for name, value in (theirs.get("options") or {}).items():
        if name in have and have[name] == value:
            continue
        for item in value if isinstance(value, list) else [value]:
            text = str(item).lower() if isinstance(item, bool) else "" if item is None else str(item)
            found.append(f"{theirs['instance']}.{name}={text}")
    return found
