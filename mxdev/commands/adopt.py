"""Moves a person's direct edits of a shared file to `.mx/overrides/`, without changing the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from mxdev.commands.planning import PLAN_OPTIONS, policy_of, shared_file, with_options
from mxdev.errors import MxError, Refused
from mxdev.plan import overrides
from mxdev.plan.build import build
from mxdev.plan.model import Plan, Rendering
from mxdev.plugins import defaults
from mxdev.project.files.content import stored_content
from mxdev.project.project import Project
from mxdev.sections import sections
from mxdev.sections.yaml.values import equal
from mxdev.workflow.render import as_recorded, rerun
from mxdev.workflow.values import Sources


def plan(project: Project, path: str) -> Plan:
    """The plan that writes the overrides and records what they give; `path` itself stays as it is.

    Raises:
        Refused: nothing there was edited.
        UsageProblem: the file is not one that generators share.
        MxError: an edit cannot be said as an override.
    """
    path = shared_file(project, path)
    if not sections.is_yaml(path):
        raise MxError(
            f"{path} is not YAML, and overrides have keys.",
            hint="Leave the edit where it is: mx keeps it and merges it.",
        )
    names = [r.name for r in project.instances.values() if any(s.path == path for s in r.sections)]
    sources = Sources(environment={}, defaults=defaults.company())
    rendered = rerun(project, as_recorded(project, sources, names))
    for error in rendered.failed.values():
        raise error
    _nothing_waits(build(project, rendered.renderings, rendered.options, rendered.order))
    edits, notes = _edits(project, path, rendered.renderings)
    if not edits:
        raise Refused(f"Nothing in the sections of {path} differs from what mx renders.")
    extra = {overrides.place(path): overrides.adopt(project, path, edits)}
    made = build(project, rendered.renderings, rendered.options, rendered.order, extra=extra, notes=notes)
    _nothing_waits(made)
    return made


def _nothing_waits(plan: Plan) -> None:
    """Refuse where rendering again changes a file: what is new there would be taken for a person's edit."""
    changed = [
        c.path
        for c in plan.changes
        if c.path not in plan.extra and (c.before != c.after or c.status == "conflict")
    ]
    if changed:
        raise Refused(
            f"An update is waiting for {', '.join(changed)}, and adopting would carry it out too.",
            hint="Run `mx update` first.",
        )


def _edits(
    project: Project, path: str, renderings: Sequence[Rendering]
) -> tuple[dict[str, tuple[Any, Any]], list[str]]:
    """By address: what is rendered without overrides, and what stands there; and a line on each."""
    disk = stored_content(project, path)
    file = sections.File(path, disk.data if disk else None)
    laid = {path: overrides.read(project, path)}
    found: dict[str, tuple[Any, Any]] = {}
    notes: list[str] = []
    for rendering in renderings:
        known = {(s.path, s.address): s.value for s in overrides.lay_over(rendering.sections, laid)[0]}
        for section in rendering.sections:
            if section.path != path:
                continue
            here = file.read(section.address)
            if here is None and (path, section.address) not in known:
                continue
            if here is None:
                notes.append(f"{section.address} was deleted; that stays as it is.")
            elif not equal(here.value, known.get((path, section.address))):
                found[section.address] = (section.value, here.value)
                notes.append(f"{section.address} is in {overrides.place(path)} now.")
    return found, notes


@with_options(*PLAN_OPTIONS)
@click.command()
@click.argument("path", default="devspace.yaml", type=click.Path())
def adopt(path: str, **parameters: Any) -> int:
    """Move your edits of the sections of PATH (default: devspace.yaml) to .mx/overrides/, where the next update keeps them.

    The file itself stays as it is.
    """
    from mxdev.workflow.door import change_project

    return change_project("mx adopt", policy_of(parameters), lambda project: plan(project, path))
