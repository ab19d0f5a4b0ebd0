"""A plan as data: what becomes of each path, and what a run renders. Nothing here reads or decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from mxdev.errors import MxError, Refused
from mxdev.generator.tree import Section, Tree
from mxdev.merge.by_lines import has_markers
from mxdev.project.files.content import Content
from mxdev.project.project import Project
from mxdev.project.records import SectionRecord

Status = Literal["create", "identical", "update", "merge", "conflict", "keep", "remove", "orphan"]
Resolution = Literal["keep", "overwrite", "merge"]
SectionKey = tuple[str, str, str]
"""A section of an instance: the instance, the path of the shared file, the section's address."""


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
        rendered: the path that the generator gives it, where a person renamed the file; "" for a shared file.
        plugins: the distributions that the instances come from.
        away: the file is not there, or something else stands in its place: what was rendered last stays the base of its merges.
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
    rendered: str = ""
    plugins: tuple[str, ...] = ()
    away: bool = False

    def resolve(self, resolution: Resolution) -> None:
        """Settle a conflict.

        Raises:
            Refused: this file cannot be merged.
        """
        if resolution not in self.choices:
            raise Refused(
                f"{self.path} cannot be merged: {self.reason or 'it is not text'}.",
                hint="Keep yours or overwrite it: `--on-conflict keep` or `--on-conflict overwrite`.",
            )
        self.resolution = resolution
        self.after = self.choices[resolution]
        self.declined = resolution == "keep"
        self.markers = resolution == "merge" and self.after is not None and bool(has_markers(self.after.data))


@dataclass
class Rendering:
    """One instance, rendered: what it wants, and what will be recorded of it.

    `tree` None takes the instance away. `previous` is the name that its record has when the generator was renamed. `retired`: see `Record`.
    """

    instance: str
    generator: str
    plugin: str
    version: str
    options: dict[str, object]
    requires: tuple[str, ...]
    tree: Tree | None
    previous: str | None = None
    retired: tuple[str, ...] = ()

    @property
    def known_as(self) -> str:
        """The name that the project's records know it by."""
        return self.previous or self.instance

    @property
    def sections(self) -> Sequence[Section]:
        """Its sections of shared files."""
        return self.tree.sections if self.tree is not None else ()


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
    """The changes outside `.mx/`, in order of their paths, and what the state becomes.

    Attributes:
        project: as it is on disk.
        renderings: the instances of the run, with a person's overrides laid over their sections.
        changes: a row for each path.
        options: the project options as they will be.
        wishes: what a person wants more than the table says.
        extra: files of mx's own below `.mx/overrides/` that are written with it, by path.
        overridden: the addresses of sections that overrides changed, by shared file.
        section_traces: what the records of sections will say was made for them, by section.
        section_flags: "adopted" and "declined" of the records of sections, by section.
        contested: the sections in conflict, by shared file.
        away: sections that are not there, with what was recorded of them and the text that was rendered last, which stay.
        notes: what a person should know beside the table, a line each.
        failed: the instances that are left as they are because they cannot be rendered, with the reason.
    """

    project: Project
    renderings: Sequence[Rendering]
    changes: list[Change]
    options: dict[str, object]
    wishes: Wishes = field(default_factory=Wishes)
    extra: dict[str, Content] = field(default_factory=dict)
    overridden: dict[str, list[str]] = field(default_factory=dict)
    section_traces: dict[SectionKey, dict[str, object]] = field(default_factory=dict)
    section_flags: dict[SectionKey, frozenset[str]] = field(default_factory=dict)
    contested: dict[str, list[SectionKey]] = field(default_factory=dict)
    away: dict[SectionKey, tuple[SectionRecord, str | None]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failed: Mapping[str, MxError] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.project.root

    @property
    def effective(self) -> list[Change]:
        """The changes that do something to the disk."""
        return [change for change in self.changes if change.before != change.after]


class Work(Protocol):
    """What can be carried out: a plan, the taking back of one, a merge put right."""

    changes: list[Change]
    notes: list[str]

    @property
    def root(self) -> Path:
        """The project's folder."""
