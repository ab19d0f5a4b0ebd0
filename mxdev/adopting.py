"""Moves a person's direct edits of a shared file to `.mx/overrides/`, without changing the file."""

from __future__ import annotations

from typing import Any

from mxdev import overrides, sections, updating
from mxdev.errors import MxError, Refused
from mxdev.plan import Plan, Wishes, disk_content
from mxdev.project import Project
from mxdev.rendering import recorded_jobs, rerun
from mxdev.values import Sources


def plan(project: Project, path: str, notes: updating.Notes) -> Plan:
    """The plan that writes the overrides and records what they give; `path` itself stays as it is.

    Raises:
        Refused: nothing there was edited.
        MxError: the file is no shared file, or an edit cannot be said as an override.
    """
    names = [r.name for r in project.instances.values() if any(s.path == path for s in r.sections)]
    if not names:
        raise MxError(
            f"{path} is no file that generators share.", hint="`mx adopt devspace.yaml` is what this is for."
        )
    edits = _edits(project, path, names, notes)
    if not edits:
        raise Refused(f"Nothing in the sections of {path} differs from what mx renders.")
    extra = {overrides.place(path): overrides.adopt(project, path, edits)}
    result = rerun(project, recorded_jobs(project, Sources(environment={}), names))
    from mxdev.plan import build

    made = build(project, result.renderings, result.options, result.order, Wishes(), extra)
    changed = [change.path for change in made.changes if change.before != change.after]
    if changed:
        raise Refused(
            f"An update is waiting for {', '.join(changed)}, and adopting would carry it out too.",
            hint="Run `mx update` first.",
        )
    return made


def _edits(
    project: Project, path: str, names: list[str], notes: updating.Notes
) -> dict[str, tuple[Any, Any]]:
    """By address: what is rendered without overrides, and what stands there."""
    disk = disk_content(project, path)
    result = rerun(project, recorded_jobs(project, Sources(environment={}), names))
    found: dict[str, tuple[Any, Any]] = {}
    for rendering in result.renderings:
        for section in rendering.tree.sections if rendering.tree else ():
            if section.path != path:
                continue
            here = sections.read(disk.data if disk else None, section.address, path=path)
            if here is None:
                notes.lines.append(f"{section.address} was deleted; that stays as it is.")
            elif here.value != section.value:
                found[section.address] = (section.value, here.value)
                notes.lines.append(f"{section.address} is in {overrides.place(path)} now.")
    return found
