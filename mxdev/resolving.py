"""Puts shared files right after a Git merge that left conflict markers in them.

Two branches that ran different generators add neighbouring sections, which Git merges by lines and so cannot. Their records
merge without a conflict, and with them mx merges the file by structure.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev import catalog, sections
from mxdev.errors import MxError, Refused
from mxdev.merge import has_markers, merge_file
from mxdev.plan import Content, disk_content
from mxdev.project import Project
from mxdev.state import PROJECT_FILE

_OURS, _BASE, _THEIRS, _END = (
    re.compile(rb"^" + mark + rb"(?: .*)?\r?\n?$") for mark in (rb"<{7}", rb"\|{7}", rb"={7}", rb">{7}")
)
_BEGIN = re.compile(rb"^# >>> mx:(.*\S)\s*$", re.MULTILINE)
Trace = dict[str, Any]


@dataclass(frozen=True)
class Sides:
    """A conflicting file as it was before (None: it was not there) and on both sides."""

    base: bytes | None
    ours: bytes
    theirs: bytes


def project_file(root: Path) -> tuple[Content, Content] | None:
    """`mx.yaml` as it is, and as it should be: options that two branches added are both wanted. None without markers.

    Raises:
        Refused: both sides changed the same option.
    """
    disk = disk_content(Project(root), PROJECT_FILE)
    if disk is None or not has_markers(disk.data):
        return None
    sides = _from_index(root, PROJECT_FILE) or _from_markers(PROJECT_FILE, disk.data)
    merged = merge_file(PROJECT_FILE, sides.base, sides.ours, sides.theirs)
    if not merged.clean:
        raise Refused(
            f"{PROJECT_FILE}: both branches changed the same option.",
            hint="Resolve that file by hand, then run `mx update`.",
        )
    return disk, Content(merged.data, disk.executable)


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
    known = _known(project, path, sides)
    if _without(known, path, sides.ours) == _without(known, path, sides.theirs):
        return disk, Content(_by_sections(known, path, sides), disk.executable)
    merged = merge_file(path, sides.base, sides.ours, sides.theirs)
    if not merged.clean:
        raise Refused(
            f"{path}: both branches changed the same place, so mx cannot tell what is meant.",
            hint="Resolve that file by hand, then run `mx status`.",
        )
    return disk, Content(merged.data, disk.executable)


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


def _known(project: Project, path: str, sides: Sides) -> list[tuple[str, Trace, str | None]]:
    """Address, trace and pristine text of every section of the file, in order; also of instances that one side destroyed."""
    records = project.instances
    found: list[tuple[str, Trace, str | None]] = []
    for name in catalog.by_requirements(records, lambda name: records[name].requires):
        pristine = project.pristine_sections(name, path)
        rows = (section for section in records[name].sections if section.path == path)
        found += [(row.address, dict(row.trace), pristine.get(row.address)) for row in rows]
    if not sections.is_yaml(path):
        there = dict.fromkeys(_BEGIN.findall(sides.ours) + _BEGIN.findall(sides.theirs))
        names = [name.decode() for name in there]
        found += [(name, {}, None) for name in names if name not in [address for address, _, _ in found]]
    return found


def _by_sections(known: list[tuple[str, Trace, str | None]], path: str, sides: Sides) -> bytes:
    """Every section from the side that has it, in its place; what is no section is the same on both sides."""
    data: bytes | None = sides.ours
    order = [address for address, _, _ in known]
    for address, trace, pristine in known:
        text = _section(path, address, sides, pristine)
        if text is not None:
            data = sections.put(path, data, address, text, order=order).data
        elif data is not None:
            data = sections.take(path, data, address, trace)
    return data or b""


def _section(path: str, address: str, sides: Sides, pristine: str | None) -> str | None:
    """One section out of both sides; None where one of them deleted it."""
    left, right = (sections.read(side, address, path=path) for side in (sides.ours, sides.theirs))
    if left is None or right is None:
        there = left or right
        was = sections.read(sides.base, address, path=path) if sides.base is not None else None
        return None if there is None or (was is not None and was.text == there.text) else there.text
    if left.text == right.text:
        return left.text
    base = None if pristine is None else pristine.encode()
    merged = merge_file(path, base, left.text.encode(), right.text.encode())
    if not merged.clean:
        raise Refused(
            f"{path}: both branches changed the same place in {address}.",
            hint="Resolve that section by hand.",
        )
    return merged.data.decode()


def _without(known: list[tuple[str, Trace, str | None]], path: str, data: bytes) -> bytes:
    left: bytes | None = data
    for address, trace, _ in known:
        if left is not None:
            left = sections.take(path, left, address, trace)
    return (left or b"").strip()
