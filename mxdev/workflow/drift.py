"""What a person did to what was rendered: edited, deleted, renamed, declined, conflict markers. Reads; never writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mxdev.errors import MxError
from mxdev.merge.by_lines import has_markers
from mxdev.project.files import renames
from mxdev.project.files.content import Content, like, moded, stored_content
from mxdev.project.guests import guests_of, with_guests
from mxdev.project.project import Project
from mxdev.project.records import FileRecord, Record, SectionRecord
from mxdev.sections import sections
from mxdev.sections.sections import Fragment

MARKERS = "it has conflict markers in it"


@dataclass
class Drift:
    """One instance against what it rendered last; paths relative to the project.

    Attributes:
        instance: its name.
        edited: files, and sections as `path: address`, that differ from what was rendered.
        missing: files and sections that were deleted.
        renamed: where files went, by the path they were rendered to.
        conflicted: files with conflict markers in them.
        declined: files and sections whose last change the person did not want.
        damaged: files whose pristine copy is missing or not what the record says.
        adopted: files that were there before the generator.
    """

    instance: str
    edited: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    conflicted: list[str] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The lists by name, for JSON."""
        return {name: value for name, value in vars(self).items() if name != "instance"}


@dataclass(frozen=True)
class Edit:
    """A rendered file as it was rendered and as it is; None where it is not there. `place` is where it is now."""

    path: str
    place: str
    rendered: Content | None
    disk: Content | None


def file_edits(project: Project, record: Record) -> Iterator[tuple[FileRecord, Edit]]:
    """Every file that an instance renders whole, as rendered (None: pristine is damaged) and as it is."""
    guests = guests_of(project)
    for path, file in record.files.items():
        place, disk = renames.locate(project, path, file.moved)
        data = project.pristine(record.name, path)
        rendered = None if data is None else Content(data, file.executable)
        rendered = with_guests(path, guests.get(path, ()), rendered, disk)
        if disk is not None:
            rendered = moded(project, rendered, disk)
            disk = like(project, place, disk, rendered)
        yield file, Edit(path, place, rendered, disk)


def of(project: Project, record: Record) -> Drift:
    """Look at one instance.

    Raises:
        MxError: a file cannot be read.
    """
    drift = Drift(record.name)
    for file, edit in file_edits(project, record):
        if edit.place != edit.path:
            drift.renamed[edit.path] = edit.place
        if edit.rendered is None and not file.private:
            drift.damaged.append(edit.path)
        if edit.disk is None:
            if not (
                file.private and edit.rendered is None
            ):  # no clone has what Git ignores: nobody deleted it
                drift.missing.append(edit.path)
        elif edit.rendered is not None and edit.disk != edit.rendered:
            drift.edited.append(edit.place)
        if edit.disk is not None and edit.disk != edit.rendered and has_markers(edit.disk.data):
            drift.conflicted.append(edit.place)
        if file.declined:
            drift.declined.append(edit.place)
        if file.adopted:
            drift.adopted.append(edit.place)
    _sections(project, record, drift)
    return drift


@dataclass(frozen=True)
class SectionEdit:
    """A section of a shared file as it was rendered and as it is.

    Attributes:
        section: what is recorded of it.
        rendered: the text that was rendered last; None: mx's record of it is missing or damaged.
        found: what stands in the file; None: it is gone, or the file cannot be looked into.
        problem: why the file cannot be looked into: its text is not what it should be (the error), or something else stands there.
    """

    section: SectionRecord
    rendered: str | None
    found: Fragment | None
    problem: MxError | str | None = None

    @property
    def edited(self) -> bool:
        """Whether it is there and says something else than what was rendered."""
        there, base = self.found, self.rendered
        return (
            there is not None and base is not None and not sections.same(self.section.path, there.text, base)
        )


def section_edits(
    project: Project, record: Record, wanted: Callable[[str], bool] = lambda path: True
) -> Iterator[SectionEdit]:
    """Every section of an instance in shared files (those whose path is `wanted`), as rendered and as it is.

    Raises:
        MxError: a file cannot be read at all.
    """
    for path in dict.fromkeys(section.path for section in record.sections):
        if not wanted(path):
            continue
        disk = stored_content(project, path)
        file = sections.File(path, disk.data if disk else None)
        problem: MxError | str | None = None
        if disk is not None and disk.foreign:
            problem = disk.foreign
        elif disk is not None and has_markers(disk.data):
            problem = MARKERS
        base = project.pristine_sections(record.name, path)
        for section in (section for section in record.sections if section.path == path):
            found = None
            if problem is None:
                try:
                    found = file.read(section.address)
                except MxError as error:
                    problem = error
            yield SectionEdit(section, base.get(section.address), found, problem)


def _sections(project: Project, record: Record, drift: Drift) -> None:
    unread: dict[str, MxError | str] = {}
    for edit in section_edits(project, record):
        section = edit.section
        name = f"{section.path}: {section.address}"
        if edit.problem is not None:  # `mx update` says so, with the line
            unread[section.path] = edit.problem
            continue
        if edit.rendered is None:
            drift.damaged.append(name)
        if edit.found is None:
            drift.missing.append(name)
        elif edit.edited:
            drift.edited.append(name)
        if section.declined:
            drift.declined.append(name)
    for path, problem in unread.items():
        (drift.conflicted if problem is MARKERS else drift.edited).append(path)
