"""Puts shared files right after a Git merge that left conflict markers in them.

Two branches that ran different generators add neighbouring sections, which Git merges by lines and so cannot. Their records
merge without a conflict, and with them mx merges the file by structure.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from mxdev.commands.planning import PLAN_OPTIONS, place, policy_of, shared_file, shared_paths, with_options
from mxdev.disk.journal_format import Operation
from mxdev.errors import Refused
from mxdev.merge.by_lines import has_markers
from mxdev.merge.merge import merge_file
from mxdev.merge.sides import Sides, from_markers
from mxdev.plan.model import Change
from mxdev.plugins import catalog
from mxdev.project.files.content import Content, disk_content, operation
from mxdev.project.project import Project, project_root
from mxdev.project.records import PROJECT_FILE
from mxdev.sections import sections
from mxdev.sections.sections import Fragment
from mxdev.system import console, git

Trace = dict[str, Any]


def project_file(root: Path) -> tuple[Content, Content] | None:
    """`mx.yaml` as it is, and as it should be: options that two branches added are both wanted. None without markers.

    Raises:
        Refused: both sides changed the same option.
    """
    disk = disk_content(Project(root), PROJECT_FILE)
    if disk is None or not has_markers(disk.data):
        return None
    sides = _sides(root, PROJECT_FILE, disk.data)
    merged = merge_file(PROJECT_FILE, sides.base, sides.ours, sides.theirs)
    if not merged.clean:
        raise Refused(
            f"{PROJECT_FILE}: both branches changed the same option.",
            hint="Resolve that file by hand, then run `mx update`.",
        )
    return disk, Content(merged.data, disk.executable)


def resolve_shared(project: Project, path: str) -> tuple[Content, Content] | None:
    """A shared file as it is, and as it should be; None if there are no markers in it.

    Raises:
        Refused: both sides changed the same place; the message says where to look.
        MxError: the two sides cannot be told apart.
    """
    disk = disk_content(project, path)
    if disk is None or not has_markers(disk.data):
        return None
    sides = _sides(project.root, path, disk.data)
    known = _known(project, path, sides)
    if _without(known, path, sides.ours) == _without(known, path, sides.theirs):
        made = _by_sections(known, path, sides)
        if lost := _lost(sides, made):
            raise Refused(
                f"{path}: mx cannot tell where this line goes: {lost}",
                hint="Resolve that file by hand, then run `mx status`.",
            )
        return disk, Content(made, disk.executable)
    merged = merge_file(path, sides.base, sides.ours, sides.theirs)
    if not merged.clean:
        raise Refused(
            f"{path}: both branches changed the same place, so mx cannot tell what is meant.",
            hint="Resolve that file by hand, then run `mx status`.",
        )
    return disk, Content(merged.data, disk.executable)


def _sides(root: Path, path: str, data: bytes) -> Sides:
    """Both sides out of the file as it stands, with all that was written into it since the merge; the base from Git, where it has one."""
    sides = from_markers(path, data)
    base = _base(root, path)
    return sides if base is None else replace(sides, base=base)


def _base(root: Path, path: str) -> bytes | None:
    """The common ancestor that Git keeps in its index while a merge is not finished; None where it has none.

    Raises:
        GitError: there is a repository, and Git cannot answer.
    """
    try:
        found = git.find(root)
    except git.NoGit:
        console.warn(f"Git is not installed, so what {path} was before the merge is not known.")
        return None
    if found is None:
        return None
    rows = found.ask("ls-files", "--unmerged", "-z", "--", git.literal(found.prefix + path)).out.split(b"\0")
    # MODE SP OBJECT SP STAGE TAB PATH, with stage 1 the base (git-ls-files, "OUTPUT").
    base = next((row.split()[1].decode() for row in rows if row and row.split()[2] == b"1"), None)
    return None if base is None else found.ask("cat-file", "blob", base).out


def _known(project: Project, path: str, sides: Sides) -> list[tuple[str, Trace, str | None]]:
    """Address, trace and pristine text of every section of the file, in order; also of instances that one side destroyed."""
    records = project.instances
    found: list[tuple[str, Trace, str | None]] = []
    for name in catalog.by_requirements(records, lambda name: records[name].requires):
        pristine = project.pristine_sections(name, path)
        rows = (section for section in records[name].sections if section.path == path)
        found += [(row.address, dict(row.trace), pristine.get(row.address)) for row in rows]
    if not sections.is_yaml(path):
        names = sections.named(path, sides.ours) + sections.named(path, sides.theirs)
        known = {address for address, _, _ in found}
        found += [(name, {}, None) for name in dict.fromkeys(names) if name not in known]
    return found


def _by_sections(known: list[tuple[str, Trace, str | None]], path: str, sides: Sides) -> bytes:
    """Every section from the side that has it, in its place; what is not a section is the same on both sides."""
    order = [address for address, _, _ in known]
    base, ours, theirs, result = (
        sections.File(path, data, order=order) for data in (sides.base, sides.ours, sides.theirs, sides.ours)
    )
    for address, trace, pristine in known:
        found = [file.read(address) for file in (base, ours, theirs)]
        text = _section(path, address, pristine, *found)
        if text is not None:
            result.put(address, text)
        else:
            result.take(address, trace)
    return result.data or b""


def _lost(sides: Sides, made: bytes) -> str | None:
    """A line of one side that is neither in the result nor as it was before: a person's, which must not be dropped."""
    kept = {line.strip() for line in [*made.splitlines(), *(sides.base or b"").splitlines()]}
    lines = (line.strip() for line in [*sides.ours.splitlines(), *sides.theirs.splitlines()])
    return next((line.decode(errors="replace") for line in lines if line and line not in kept), None)


def _section(
    path: str,
    address: str,
    pristine: str | None,
    was: Fragment | None,
    left: Fragment | None,
    right: Fragment | None,
) -> str | None:
    """One section out of both sides; None where one of them deleted it."""
    if left is None or right is None:
        there = left or right
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
    file = sections.File(path, data)
    for address, trace, _ in known:
        file.take(address, trace)
    return (file.data or b"").strip()


@dataclass
class Resolving:
    """The putting right of files that a Git merge left with markers; `mxdev.workflow.apply.carry_out` carries it out.

    Attributes:
        root: the project's folder.
        changes: a row for each file that has markers: merged, or kept with the reason.
        options: the project's options, as they will be.
        notes: what a person should know beside the table, a line each.
    """

    root: Path
    changes: list[Change] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def operations(work: Resolving) -> list[Operation]:
    """What is done to the disk."""
    rows = [change for change in work.changes if change.before != change.after]
    return [operation(change.path, change.before, change.after) for change in rows]


def plan(root: Path, paths: Sequence[str]) -> Resolving:
    """Put `mx.yaml` right, and with it the shared files: without it nobody knows what the project is.

    Args:
        root: the project's folder.
        paths: the shared files to put right; none: all.

    Raises:
        Refused: `mx.yaml` itself cannot be put right.
        UsageProblem: a path is not a shared file.
        MxError: a record cannot be read.
    """
    work = Resolving(root)
    found = project_file(root)
    if found is not None:
        work.changes.append(Change(PROJECT_FILE, "merge", (), *found))
    project = Project.load(root, found[1].data if found else None)
    work.options = project.options
    named = [shared_file(project, path) for path in paths if PROJECT_FILE not in (path, place(project, path))]
    for path in named if paths else shared_paths(project):
        try:
            both = resolve_shared(project, path)
        except Refused as error:
            disk = disk_content(project, path)
            work.changes.append(Change(path, "keep", (), disk, disk, reason=error.message, markers=True))
            work.notes += [error.hint] if error.hint else []
            continue
        if both is not None:
            work.changes.append(Change(path, "merge", (), *both))
    if ready := [change.path for change in work.changes if change.before != change.after]:
        work.notes.append(f"Look at the result, then `git add {shlex.join(ready)}`.")
    if not work.changes:
        work.notes.append("There are no conflict markers in the files that generators share here.")
    return work


@with_options(*(option for option in PLAN_OPTIONS if option.name != "on_conflict"))
@click.command()
@click.argument("paths", nargs=-1)
def resolve(paths: tuple[str, ...], **parameters: Any) -> int:
    """Resolve Git's conflicts in files that generators share (default: all of them), such as devspace.yaml.

    Two branches that ran different generators both grew them. Look at the result, then `git add` it.
    """
    from mxdev.workflow.door import answering, change

    policy = policy_of(parameters)
    return answering(
        policy,
        lambda: change(
            project_root(recovers=True), "mx resolve", policy, lambda root: plan(root, paths), operations
        ),
    )
