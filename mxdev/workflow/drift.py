"""What a person did to what was rendered: edited, deleted, renamed, declined, conflict markers. Reads; never writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mxdev.errors import MxError
from mxdev.merge.by_lines import has_markers
from mxdev.project import renames
from mxdev.project.content import Content, like, moded, stored_content
from mxdev.project.project import Project
from mxdev.project.records import FileRecord, Record
from mxdev.sections import sections


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
    for path, file in record.files.items():
        place, disk = renames.locate(project, path, file.moved)
        data = project.pristine(record.name, path)
        rendered = None if data is None else Content(data, file.executable)
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


def _sections(project: Project, record: Record, drift: Drift) -> None:
    for path in dict.fromkeys(section.path for section in record.sections):
        disk = stored_content(project, path)
        if disk is not None and disk.foreign:
            drift.edited.append(path)
            continue
        if disk is not None and has_markers(disk.data):
            drift.conflicted.append(path)
            continue
        base = project.pristine_sections(record.name, path)
        try:
            sections.read(disk.data if disk else None, sections.address("x"), path=path)
        except MxError:  # its text is not what it should be: `mx update` says so, with the line
            drift.edited.append(path)
            continue
        for section in (section for section in record.sections if section.path == path):
            name = f"{path}: {section.address}"
            found = sections.read(disk.data if disk else None, section.address, path=path)
            if section.address not in base:
                drift.damaged.append(name)
            if found is None:
                drift.missing.append(name)
            elif section.address in base and not _same(found, base[section.address], path):
                drift.edited.append(name)
            if section.declined:
                drift.declined.append(name)


def _same(found: sections.Fragment, base: str, path: str) -> bool:
    """Whether a section says what was rendered; in YAML comments and the order of keys say nothing."""
    if found.text == base or not sections.is_yaml(path):
        return found.text == base
    import yaml

    from mxdev.sections.yaml_values import equal

    try:
        return equal(yaml.safe_load(found.text), yaml.safe_load(base))
    except yaml.YAMLError:  # a person's own tag, an alias to somewhere else
        return False
