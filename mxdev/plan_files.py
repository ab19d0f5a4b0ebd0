"""The plan for files that one instance renders whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mxdev.plan import Change, Content, Rendering, Resolution, disk_content
from mxdev.project import Project
from mxdev.state import FileRecord
from mxdev.tree import File


def plan_files(project: Project, renderings: Sequence[Rendering]) -> Iterator[Change]:
    """A change for every path that an instance renders now or rendered last."""
    for rendering in renderings:
        files = rendering.tree.files if rendering.tree is not None else {}
        record = project.instances.get(rendering.instance)
        known = record.files if record else {}
        for path in sorted({*files, *known}):
            change = _plan_file(project, rendering.instance, path, files.get(path), known.get(path))
            if change is not None:
                yield change


def _plan_file(
    project: Project, instance: str, path: str, file: File | None, record: FileRecord | None
) -> Change | None:
    disk = disk_content(project, path)
    new = Content(file.data, file.executable) if file else None
    change = Change(path, "keep", (instance,), disk, disk, adopted=bool(record and record.adopted))
    if record is None:
        assert new is not None  # a path is rendered, recorded or both
        if disk is None:
            return replace(change, status="create", after=new)
        if disk == new:
            return replace(change, status="identical", adopted=True)
        return _conflict(change, None, disk, new, "a file that mx did not write is in the way")
    data = project.pristine(instance, path)
    base = None if data is None else Content(data, record.executable)
    if new is None:
        if disk is None:
            return None
        if disk == base and not record.adopted:
            return replace(change, status="remove", after=None)
        return replace(change, status="orphan", reason="it was adopted" if disk == base else "it was edited")
    if disk is None:
        return replace(change, reason="you deleted it", declined=record.declined)
    if base is not None:
        # The mode is merged on its own: what the person did to it stays.
        new = replace(
            new, executable=new.executable if disk.executable == base.executable else disk.executable
        )
    if disk == new:
        return replace(change, status="identical")
    if disk == base:
        return replace(change, status="update", after=new)
    if base is None:
        return _conflict(change, None, disk, new, "mx's record of what it rendered is missing or damaged")
    if new.data == base.data and new.executable == disk.executable:
        return replace(change, reason="you edited it", declined=record.declined)
    return _merge(change, base, disk, new)


def _merge(change: Change, base: Content, disk: Content, new: Content) -> Change:
    from mxdev.merge import merge_file

    if disk.data == base.data or new.data == base.data:
        data = new.data if disk.data == base.data else disk.data
        return replace(change, status="update", after=Content(data, new.executable))
    merged = merge_file(change.path, base.data, disk.data, new.data)
    if not merged.clean:
        return _conflict(change, base, disk, new, "you and the generator changed the same place")
    after = Content(merged.data, new.executable)
    if after == disk:
        return replace(change, reason="your edit has it already")
    return replace(change, status="merge", after=after)


def _conflict(change: Change, base: Content | None, disk: Content, new: Content, reason: str) -> Change:
    from mxdev.merge import merge_lines

    choices: dict[Resolution, Content | None] = {"keep": disk, "overwrite": new}
    merged = merge_lines(base.data if base else b"", disk.data, new.data)
    if merged.mergeable:
        choices["merge"] = Content(merged.data, new.executable)
    else:
        reason += "; it is no text"
    return replace(change, status="conflict", choices=choices, reason=reason)
