"""Trees, pristine and disk make a plan: the ordered list of changes from the disk as it is to the disk as it should be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mxdev.errors import MxError
from mxdev.merge.by_lines import refuse_markers
from mxdev.plan import names
from mxdev.plan.model import Change, Plan, Rendering, Status, Wishes
from mxdev.project.files.content import Content, disk_content
from mxdev.project.project import Project


class OwnersClash(MxError):
    """Two instances render the same.

    Attributes:
        owners: the instances.
    """

    def __init__(self, owners: tuple[str, ...], message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.owners = owners


def check_owners(project: Project, renderings: Iterable[Rendering]) -> None:
    """Refuse two instances that render the same path or section, a path below another's file, or one name for another tool.

    Raises:
        MxError: naming both.
    """
    files: dict[str, str] = {}
    sections: dict[tuple[str, str], str] = {}
    shared: dict[str, set[str]] = {}
    hints: dict[str, str] = {}
    running = {rendering.known_as for rendering in renderings}
    for name, record in project.instances.items():
        if name not in running:
            files.update(dict.fromkeys(record.files, name))
            sections.update({(section.path, section.address): name for section in record.sections})
            for recorded in record.sections:
                shared.setdefault(recorded.path, set()).add(name)
    for rendering in renderings:
        if rendering.tree is None:
            continue
        for path, file in rendering.tree.files.items():
            _claim(project, files, path, path, rendering.instance, file.if_taken)
            if file.if_taken:
                hints[path] = file.if_taken
        for section in rendering.tree.sections:
            key = (section.path, section.address)
            what = f"the section {section.address} of {section.path}"
            _claim(project, sections, key, what, rendering.instance, section.if_taken)
            shared.setdefault(section.path, set()).add(rendering.instance)
    folded: dict[str, str] = {}
    for path, owner in files.items():
        other = folded.setdefault(path.casefold(), path)
        if other != path:
            raise OwnersClash(
                (files[other], owner),
                f"{files[other]} renders {other}, and {owner} renders {path}: one file on macOS and Windows, where capitals "
                "do not count.",
                hint=hints.get(path) or _advice(project, path, files[other], owner),
            )
        if owner in shared.get(path, ()):
            raise OwnersClash((owner, owner), f"{owner} renders {path} whole, and a section of it too.")
        parts = path.split("/")
        for depth in range(1, len(parts)):
            above = "/".join(parts[:depth])
            if above in files:
                raise OwnersClash(
                    (files[above], owner),
                    f"{files[above]} renders the file {above}, and {owner} renders {path} below it.",
                    hint=hints.get(path) or _advice(project, path, files[above], owner),
                )
    for given, owners, paths in names.taken(project, renderings):
        raise OwnersClash(
            owners,
            f"{owners[0]} and {owners[1]} both render {given}"
            + ("." if paths[0] == paths[1] else f" ({paths[0]} and {paths[1]})."),
            hint=next((hints[path] for path in paths if path in hints), "")
            or _advice(project, f"{given} {paths[1]}", *owners),
        )


def _claim(
    project: Project, owners: dict[Any, str], key: Any, what: str, instance: str, hint: str = ""
) -> None:
    other = owners.setdefault(key, instance)
    if other != instance:
        raise OwnersClash(
            (other, instance),
            f"{other} and {instance} both render {what}.",
            hint=hint or _advice(project, what, other, instance),
        )


def _advice(project: Project, what: str, *instances: str) -> str:
    """What a person can do about two that are in each other's way.

    Another name helps only where the path or the address, `what`, comes from it.
    """
    there = [name for name in instances if name in project.instances]
    new = [name for name in instances if name not in project.instances]
    kinds = {name.partition(":")[0] for name in instances}
    if new and ":" in new[-1] and (len(kinds) == 1 or _is_part(new[-1].partition(":")[2], what)):
        return f"Give {new[-1]} another name: it is new." if there else f"Give {new[-1]} another name."
    tell = "tell the authors of their plugins"
    return (
        f"Destroy one of them (`mx destroy {there[0]}`), or {tell}."
        if there
        else f"Leave one of them out, or {tell}."
    )


def _is_part(name: str, what: str) -> bool:
    """Whether a name is part of a path or an address, also as a module is called."""
    name, what = (text.casefold().replace("-", "_") for text in (name, what))
    return re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", what) is not None


def build(
    project: Project,
    renderings: Sequence[Rendering],
    options: dict[str, object],
    order: Sequence[str],
    wishes: Wishes | None = None,
    extra: Mapping[str, Content] | None = None,
    notes: Sequence[str] = (),
) -> Plan:
    """Compute the plan.

    Args:
        project: as it is on disk; a new one has no instances.
        renderings: the instances of this run.
        options: the project options as they will be.
        order: all instances, in the order in which their sections stand.
        wishes: what a person wants more.
        extra: files of mx's own below `.mx/overrides/` that are written with it, by path.
        notes: what a person should know beside the table, a line each.

    Raises:
        MxError, Refused: nothing can be planned; nothing was written.
    """
    from mxdev.plan.files import plan_files
    from mxdev.plan.moves import follow
    from mxdev.plan.project_file import plan_project_file

    check_owners(project, renderings)
    laid, overridden = _laid_over(project, renderings, extra or {})
    plan = Plan(
        project, laid, [], options, wishes or Wishes(), dict(extra or {}), overridden, notes=list(notes)
    )
    whole = {change.path: change for change in follow(plan, plan_files(plan))}
    shared = {change.path: change for change in _shared_rows(plan, order, whole)}
    plan.changes = [*(whole | shared).values(), plan_project_file(plan), *_extra_rows(plan)]
    plan.changes.sort(key=lambda change: change.path)
    home = {rendering.instance: rendering.plugin for rendering in renderings}
    for change in plan.changes:
        change.plugins = tuple(dict.fromkeys(home[name] for name in change.generators if name in home))
    _refuse_markers(plan)
    return plan


def _shared_rows(plan: Plan, order: Sequence[str], whole: Mapping[str, Change]) -> Iterable[Change]:
    """The rows of shared files, those with sections in files that others render whole among them, in place of their rows.

    Where there are none, what edits them is not imported.
    """
    recorded = any(record.sections for record in plan.project.instances.values())
    if recorded or any(rendering.sections for rendering in plan.renderings):
        from mxdev.plan.shared_files import plan_shared_files

        return plan_shared_files(plan, order, whole)
    return ()


def _extra_rows(plan: Plan) -> Iterator[Change]:
    """The rows of a person's overrides that are written with the plan."""
    for path, after in plan.extra.items():
        before = disk_content(plan.project, path)
        status: Status = "create" if before is None else "identical" if before == after else "update"
        yield Change(path, status, (), before, after)


def _laid_over(
    project: Project, renderings: Sequence[Rendering], extra: Mapping[str, Content]
) -> tuple[list[Rendering], dict[str, list[str]]]:
    """The renderings with a person's overrides laid over their sections, and the addresses that changed, by file."""
    paths = {section.path for rendering in renderings for section in rendering.sections}
    if not paths:
        return list(renderings), {}
    from mxdev.plan import overrides

    values = {path: overrides.read(project, path, extra) for path in paths}
    laid: list[Rendering] = []
    overridden: dict[str, list[str]] = {}
    for rendering in renderings:
        sections, changed = overrides.lay_over(rendering.sections, values)
        if changed and rendering.tree is not None:
            rendering = replace(rendering, tree=replace(rendering.tree, sections=sections))
        laid.append(rendering)
        for section in sections:
            if section.address in changed:
                overridden.setdefault(section.path, []).append(section.address)
    return laid, overridden


def _refuse_markers(plan: Plan) -> None:
    """A file in which a person still has to resolve markers is not merged again."""
    changes = (change for change in plan.changes if change.status in ("merge", "conflict"))
    refuse_markers({change.path: change.before.data for change in changes if change.before is not None})
