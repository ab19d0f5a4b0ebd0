"""Sections that instances have in a file which another renders whole: they stand in it beside what that one rendered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from mxdev.errors import MxError
from mxdev.project.files.content import Content
from mxdev.project.project import Project


def guests_of(project: Project, going: Collection[str] = ()) -> Mapping[str, Sequence[str]]:
    """The addresses of all recorded sections by path, but for those of the instances `going`."""
    found: dict[str, list[str]] = {}
    for name, record in project.instances.items():
        if name not in going:
            for section in record.sections:
                found.setdefault(section.path, []).append(section.address)
    return found


def with_guests(
    path: str, addresses: Sequence[str], rendered: Content | None, disk: Content | None
) -> Content | None:
    """What was rendered, with the sections of others that stand on the disk: so it is compared, and merged.

    Without them where one cannot stand in what was rendered; the difference then counts as an edit.
    """
    if not addresses or rendered is None or disk is None or disk.foreign:
        return rendered
    from mxdev.sections.sections import File

    try:
        there = File(path, disk.data)
        found = [
            (section.line, address, section.text) for address in addresses if (section := there.read(address))
        ]
        found.sort()
        made = File(path, rendered.data, order=[address for _, address, _ in found])
        for _, address, text in found:
            if made.read(address) is None:
                made.put(address, text)
        return replace(rendered, data=made.data or b"")
    except MxError:
        return rendered
