"""Puts shared files right after a Git merge that left conflict markers in them.

Two branches that ran different generators add neighbouring sections, which Git merges by lines and so cannot. Their records
merge without a conflict, and with them mx merges the file by structure.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mxdev import sections
from mxdev.errors import MxError, Refused
from mxdev.merge import has_markers, merge_file
from mxdev.plan import Content, disk_content
from mxdev.project import Project

_OURS, _BASE, _THEIRS, _END = (
    re.compile(rb"^" + mark + rb"(?: .*)?\r?\n?$") for mark in (rb"<{7}", rb"\|{7}", rb"={7}", rb">{7}")
)


@dataclass(frozen=True)
class Sides:
    """A conflicting file as it was before (None: it was not there) and on both sides."""

    base: bytes | None
    ours: bytes
    theirs: bytes


def shared_paths(project: Project) -> list[str]:
    """The files that generators share here."""
    return sorted({section.path for record in project.instances.values() for section in record.sections})


def resolve(project: Project, path: str) -> tuple[Content, Content] | None:
    """A shared file as it is, and as it should be; None if there are no markers in it.

    Raises:
        Refused: both sides changed the same place; the message says where to look.
        MxError: the two sides cannot be told apart.
    """
    disk = disk_content(project, path)
    if disk is None or not has_markers(disk.data):
        return None
    sides = _from_index(project.root, path) or _from_markers(path, disk.data)
    merged = merge_file(path, sides.base, sides.ours, sides.theirs) if sides.base is not None else None
    data = merged.data if merged is not None and merged.clean else _by_sections(project, path, sides)
    return disk, Content(data, disk.executable)


def _from_index(root: Path, path: str) -> Sides | None:
    """The three versions that Git keeps while a merge is not finished (gitrevisions, `:<n>:<path>`)."""
    found = []
    for stage in (1, 2, 3):
        try:
            done = subprocess.run(
                ["git", "show", f":{stage}:./{path}"], cwd=root, capture_output=True, check=False
            )
        except OSError:
            return None
        found.append(done.stdout if done.returncode == 0 else None)
    base, ours, theirs = found
    return Sides(base, ours, theirs) if ours is not None and theirs is not None else None


def _from_markers(path: str, data: bytes) -> Sides:
    """Both sides out of the file itself; the base too, where Git wrote it (merge.conflictStyle diff3)."""
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


def _by_sections(project: Project, path: str, sides: Sides) -> bytes:
    """Every recorded section from the side that has it; what is no section must be the same on both sides."""
    ours, theirs = (_without_sections(project, path, side) for side in (sides.ours, sides.theirs))
    if (ours or b"").strip() != (theirs or b"").strip():
        raise Refused(
            f"{path}: both branches changed what mx does not write, so it cannot tell what is meant.",
            hint="Resolve that file by hand, then run `mx status`.",
        )
    data: bytes | None = sides.ours
    order = [s.address for record in project.instances.values() for s in record.sections if s.path == path]
    for record in project.instances.values():
        pristine = project.pristine_sections(record.name, path)
        for section in (section for section in record.sections if section.path == path):
            text = _section(path, section.address, sides, pristine.get(section.address))
            if text is not None:
                data = sections.put(path, data, section.address, text, order=order).data
    return data or b""


def _section(path: str, address: str, sides: Sides, pristine: str | None) -> str | None:
    left, right = (sections.read(side, address, path=path) for side in (sides.ours, sides.theirs))
    if left is None or right is None or left.text == right.text:
        found = left or right
        return found.text if found else None
    base = None if pristine is None else pristine.encode()
    merged = merge_file(path, base, left.text.encode(), right.text.encode())
    if not merged.clean:
        raise Refused(
            f"{path}: both branches changed the same place in {address}.",
            hint="Resolve that section by hand.",
        )
    return merged.data.decode()


def _without_sections(project: Project, path: str, data: bytes) -> bytes | None:
    left: bytes | None = data
    for record in project.instances.values():
        for section in record.sections:
            if section.path == path and left is not None:
                left = sections.take(path, left, section.address, dict(section.trace))
    return left
