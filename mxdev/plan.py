"""Trees, pristine and disk make a plan: the ordered list of changes from the disk as it is to the disk as it should be."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mxdev import fs
from mxdev.errors import MxError, Refused
from mxdev.journal_file import Operation
from mxdev.project import Project
from mxdev.tree import Tree

Status = Literal["create", "identical", "update", "merge", "conflict", "keep", "remove", "orphan"]
Resolution = Literal["keep", "overwrite", "merge"]


@dataclass(frozen=True)
class Content:
    """A file as it is or should be; no file is None.

    `foreign` says in words what stands there instead, where a person put something else in the place of a rendered file; of a
    symbolic link, `data` is where it leads.
    """

    data: bytes
    executable: bool = False
    foreign: str = ""


@dataclass
class Change:
    """What becomes of one path.

    Attributes:
        path: relative to the root.
        status: see the design's table of statuses.
        generators: the instances that render it.
        before: what stands there.
        after: what will stand there; of a conflict, once it is resolved.
        choices: for a conflict: what each resolution gives. No "merge" where lines cannot be merged.
        resolution: the one that was chosen.
        reason: why, in a few words; may be empty.
        declined: the person did not want what was rendered.
        adopted: mx found it there and did not create it.
        markers: `after` has conflict markers in it.
        on_resolved: told which resolution was chosen.
        rendered: the path that the generator gives it, where a person renamed the file; "" for a shared file.
        plugins: the distributions that the instances come from.
    """

    path: str
    status: Status
    generators: tuple[str, ...]
    before: Content | None
    after: Content | None
    choices: Mapping[Resolution, Content | None] = field(default_factory=dict)
    resolution: Resolution | None = None
    reason: str = ""
    declined: bool = False
    adopted: bool = False
    markers: bool = False
    on_resolved: Callable[[Resolution], None] | None = None
    rendered: str = ""
    plugins: tuple[str, ...] = ()

    def resolve(self, resolution: Resolution) -> None:
        """Settle a conflict.

        Raises:
            Refused: this file cannot be merged.
        """
        if resolution not in self.choices:
            raise Refused(
                f"{self.path} cannot be merged: {self.reason or 'it is no text'}.",
                hint="Keep yours or overwrite it: `--on-conflict keep` or `--on-conflict overwrite`.",
            )
        self.resolution = resolution
        self.after = self.choices[resolution]
        self.declined = resolution == "keep"
        self.markers = resolution == "merge" and self.after is not None and _marked(self.after.data)
        if self.on_resolved is not None:
            self.on_resolved(resolution)


def _marked(data: bytes) -> bool:
    from mxdev.merge import has_markers

    return bool(has_markers(data))


@dataclass
class Rendering:
    """One instance, rendered: what it wants, and what will be recorded of it.

    `tree` None takes the instance away. `previous` is the name that its record has when the generator was renamed.
    """

    instance: str
    generator: str
    plugin: str
    version: str
    options: dict[str, object]
    requires: tuple[str, ...]
    tree: Tree | None
    previous: str | None = None

    @property
    def known_as(self) -> str:
        """The name that the project's records know it by."""
        return self.previous or self.instance


@dataclass(frozen=True)
class Wishes:
    """Paths for which a person wants more than the table says.

    Attributes:
        retry: offer again what the generator renders, although it was declined.
        restore: bring back a file that the person deleted.
        accept: templates whose overrides are right, although what they replace has changed.
    """

    retry: frozenset[str] = frozenset()
    restore: frozenset[str] = frozenset()
    accept: frozenset[str] = frozenset()


@dataclass
class Plan:
    """The changes outside `.mx/`, in order of their paths, and what the state becomes."""

    project: Project
    renderings: Sequence[Rendering]
    changes: list[Change]
    options: dict[str, object]
    wishes: Wishes = field(default_factory=Wishes)
    extra: dict[str, Content] = field(default_factory=dict)
    overridden: dict[str, list[str]] = field(default_factory=dict)
    section_traces: dict[tuple[str, str, str], dict[str, object]] = field(default_factory=dict)
    section_flags: dict[tuple[str, str, str], frozenset[str]] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.project.root

    @property
    def effective(self) -> list[Change]:
        """The changes that do something to the disk."""
        return [change for change in self.changes if change.before != change.after]

    def operations(self) -> list[Operation]:
        """Everything the plan does to the disk, once its conflicts are settled; see `mxdev.plan_state`."""
        from mxdev import plan_state

        return plan_state.operations(self)


def disk_content(project: Project, path: str) -> Content | None:
    """What stands at `path`.

    Raises:
        Refused: something that is no file stands there, or a file stands where a folder must be.
        MxError: it cannot be read, or a link leads outside.
    """
    from mxdev.paths import resolve_inside

    place = resolve_inside(project.root, path)
    try:
        seen = fs.look(str(place))
    except OSError as error:
        raise fs.explain(error, "read", path) from error
    if seen.kind == "absent":
        parent = place.parent
        while parent != project.root and not parent.is_dir():
            if parent.exists():
                raise Refused(
                    f"{parent.relative_to(project.root)} is a file, and {path} needs a folder there.",
                    hint="Move that file away, then run the command again.",
                )
            parent = parent.parent
        return None
    if seen.kind != "file":
        raise Refused(
            f"{path} is {seen.kind}, and a file is to be written there.",
            hint="Move it away, then run the command again.",
        )
    return Content(seen.data, bool(seen.mode & 0o100))


def recorded_content(project: Project, path: str) -> Content | None:
    """As `disk_content`, of a path that an instance rendered: a link or folder that a person put there is an edit, no error.

    Raises:
        MxError: it cannot be read.
    """
    try:
        return disk_content(project, path)
    except MxError:
        at = project.root
        for part in path.split("/"):
            at = at / part
            if at.is_symlink() and at != project.root / path:
                if at.resolve().is_relative_to(project.root.resolve()):
                    continue
                return Content(b"", foreign="behind a symbolic link that leads out of the project")
            if not at.is_dir():
                break
        if at.is_symlink():
            return Content(os.fsencode(at.readlink()), foreign="a symbolic link")
        if at != project.root / path:
            return None
        seen = fs.look(str(at))
        if seen.kind in ("file", "absent"):
            raise
        return Content(b"", foreign=seen.kind)


def check_owners(project: Project, renderings: Iterable[Rendering]) -> None:
    """Refuse two instances that render the same path or section, or a path below another's file.

    Raises:
        MxError: naming both.
    """
    files: dict[str, str] = {}
    sections: dict[tuple[str, str], str] = {}
    shared: dict[str, str] = {}
    running = {rendering.known_as for rendering in renderings}
    for name, record in project.instances.items():
        if name not in running:
            files.update(dict.fromkeys(record.files, name))
            sections.update({(section.path, section.address): name for section in record.sections})
            shared.update({section.path: name for section in record.sections})
    for rendering in renderings:
        if rendering.tree is None:
            continue
        for path in rendering.tree.files:
            _claim(files, path, path, rendering.instance)
        for section in rendering.tree.sections:
            key = (section.path, section.address)
            _claim(sections, key, f"the section {section.address} of {section.path}", rendering.instance)
            shared[section.path] = rendering.instance
    for path, owner in files.items():
        if path in shared:
            raise MxError(f"{owner} renders {path} whole, and {shared[path]} a section of it.")
        parts = path.split("/")
        for depth in range(1, len(parts)):
            above = "/".join(parts[:depth])
            if above in files:
                raise MxError(
                    f"{files[above]} renders the file {above}, and {owner} renders {path} below it."
                )


def _claim(owners: dict[Any, str], key: Any, what: str, instance: str) -> None:
    other = owners.setdefault(key, instance)
    if other != instance:
        raise MxError(
            f"{other} and {instance} both render {what}.",
            hint="Destroy one of them, or tell the authors of their plugins.",
        )


def build(
    project: Project,
    renderings: Sequence[Rendering],
    options: dict[str, object],
    order: Sequence[str],
    wishes: Wishes | None = None,
    extra: Mapping[str, Content] | None = None,
) -> Plan:
    """Compute the plan.

    Args:
        project: as it is on disk; a new one has no instances.
        renderings: the instances of this run.
        options: the project options as they will be.
        order: all instances, in the order in which their sections stand.
        wishes: what a person wants more.
        extra: files of mx's own below `.mx/overrides/` that are written with it, by path.

    Raises:
        MxError, Refused: nothing can be planned; nothing was written.
    """
    from mxdev.plan_files import plan_files
    from mxdev.plan_project import plan_project_file
    from mxdev.plan_sections import plan_shared_files

    check_owners(project, renderings)
    plan = Plan(project, renderings, [], options, wishes or Wishes(), dict(extra or {}))
    _lay_over(plan)
    plan.changes = [*plan_files(plan), *plan_shared_files(plan, order), plan_project_file(plan)]
    plan.changes.sort(key=lambda change: change.path)
    home = {rendering.instance: rendering.plugin for rendering in renderings}
    for change in plan.changes:
        change.plugins = tuple(dict.fromkeys(home[name] for name in change.generators if name in home))
    _refuse_markers(plan)
    return plan


def _lay_over(plan: Plan) -> None:
    """Lay a person's overrides over the rendered sections."""
    from mxdev import overrides

    trees = [rendering.tree for rendering in plan.renderings if rendering.tree is not None]
    paths = {section.path for tree in trees for section in tree.sections}
    values = {path: overrides.read(plan.project, path, plan.extra) for path in paths}
    for tree in trees:
        tree.sections, changed = overrides.lay_over(tree.sections, values)
        for section in tree.sections:
            if section.address in changed:
                plan.overridden.setdefault(section.path, []).append(section.address)


def _refuse_markers(plan: Plan) -> None:
    """A file in which a person still has to resolve markers is not merged again."""
    changes = (change for change in plan.changes if change.status in ("merge", "conflict"))
    refuse_markers({change.path: change.before.data for change in changes if change.before is not None})


def refuse_markers(files: Mapping[str, bytes]) -> None:
    """Refuse files in which a person still has to resolve conflict markers.

    Raises:
        Refused: naming the files and lines.
    """
    from mxdev.merge import has_markers

    marked = [
        f"  {path}: line {', '.join(map(str, lines))}"
        for path, data in files.items()
        if (lines := has_markers(data))
    ]
    if marked:
        raise Refused(
            "These files still have conflict markers in them:\n" + "\n".join(marked),
            hint="Resolve them first, then run the command again.",
        )
