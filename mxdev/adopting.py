"""Moves a person's direct edits of a shared file to `.mx/overrides/`, without changing the file."""

from __future__ import annotations

from typing import Any

from mxdev import defaults, overrides, sections, updating
from mxdev.errors import MxError, Refused
from mxdev.plan import Plan, Rendering, Wishes, build, disk_content
from mxdev.project import Project
from mxdev.rendering import Run, recorded_jobs, rerun
from mxdev.values import Sources


def plan(project: Project, path: str, notes: updating.Notes) -> Plan:
    """The plan that writes the overrides and records what they give; `path` itself stays as it is.

    Raises:
        Refused: nothing there was edited.
        MxError: the file is no shared file, or an edit cannot be said as an override.
    """
    if not sections.is_yaml(path):
        raise MxError(
            f"{path} is no YAML, and overrides have keys.",
            hint="Leave the edit where it is: mx keeps it and merges it.",
        )
    names = [r.name for r in project.instances.values() if any(s.path == path for s in r.sections)]
    if not names:
        raise MxError(
            f"{path} is no file that generators share.", hint="`mx adopt devspace.yaml` is what this is for."
        )
    _nothing_waits(build(project, *_rendered(project, names)))
    edits = _edits(project, path, names, notes)
    if not edits:
        raise Refused(f"Nothing in the sections of {path} differs from what mx renders.")
    extra = {overrides.place(path): overrides.adopt(project, path, edits)}
    made = build(project, *_rendered(project, names), Wishes(), extra)
    _nothing_waits(made)
    return made


def _rendered(project: Project, names: list[str]) -> tuple[list[Rendering], dict[str, object], list[str]]:
    result = _rerun(project, names)
    return result.renderings, result.options, result.order


def _rerun(project: Project, names: list[str]) -> Run:
    return rerun(project, recorded_jobs(project, Sources(environment={}, defaults=defaults.company()), names))


def _nothing_waits(plan: Plan) -> None:
    """Refuse where rendering again changes a file: what is new there would be taken for a person's edit."""
    changed = [c.path for c in plan.changes if c.before != c.after or c.status == "conflict"]
    if changed:
        raise Refused(
            f"An update is waiting for {', '.join(changed)}, and adopting would carry it out too.",
            hint="Run `mx update` first.",
        )


def _edits(
    project: Project, path: str, names: list[str], notes: updating.Notes
) -> dict[str, tuple[Any, Any]]:
    """By address: what is rendered without overrides, and what stands there."""
    from mxdev.yaml_render import equal

    disk = disk_content(project, path)
    result = _rerun(project, names)
    laid = {path: overrides.read(project, path)}
    found: dict[str, tuple[Any, Any]] = {}
    for rendering in result.renderings:
        raw = rendering.tree.sections if rendering.tree else []
        known = {(s.path, s.address): s.value for s in overrides.lay_over(raw, laid)[0]}
        for section in raw:
            if section.path != path:
                continue
            here = sections.read(disk.data if disk else None, section.address, path=path)
            if here is None and (path, section.address) not in known:
                continue
            if here is None:
                notes.lines.append(f"{section.address} was deleted; that stays as it is.")
            elif not equal(here.value, known.get((path, section.address))):
                found[section.address] = (section.value, here.value)
                notes.lines.append(f"{section.address} is in {overrides.place(path)} now.")
    return found
