"""The plan for files that one instance renders whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mxdev import renames
from mxdev.plan import Change, Content, Plan, Rendering, Resolution, disk_content
from mxdev.state import FileRecord
from mxdev.tree import File


def plan_files(plan: Plan) -> Iterator[Change]:
    """A change for every path that an instance renders now or rendered last."""
    for rendering in plan.renderings:
        files = rendering.tree.files if rendering.tree is not None else {}
        record = plan.project.instances.get(rendering.known_as)
        known = record.files if record else {}
        for path in sorted({*files, *known}):
            change = _plan_file(plan, rendering, path, files.get(path), known.get(path))
            if change is not None:
                yield change


def _plan_file(
    plan: Plan, rendering: Rendering, path: str, file: File | None, record: FileRecord | None
) -> Change | None:
    place = record.moved or path if record else path
    disk = disk_content(plan.project, place)
    if record is not None and disk is None:
        place, disk = _follow(plan, place)
    new = Content(file.data, file.executable) if file else None
    change = Change(place, "keep", (rendering.instance,), disk, disk, adopted=bool(record and record.adopted))
    change.rendered = path
    if record is None:
        assert new is not None  # a path is rendered, recorded or both
        if disk is None:
            return replace(change, status="create", after=new)
        if disk == new:
            return replace(change, status="identical", adopted=True)
        change.adopted = True  # whatever becomes of it: mx did not create it, so mx does not remove it
        return _conflict(change, None, disk, new, "a file that mx did not write is in the way")
    data = plan.project.pristine(rendering.known_as, path)
    base = None if data is None else Content(data, record.executable)
    if new is None:
        if disk is None:
            return None
        if disk == base and not record.adopted:
            return replace(change, status="remove", after=None)
        return replace(change, status="orphan", reason="it was adopted" if disk == base else "you edited it")
    if disk is None:
        if path in plan.wishes.restore:
            return replace(change, status="create", after=new, reason="restored")
        return replace(change, reason="you deleted it", declined=record.declined)
    if base is not None:
        # The mode is merged on its own: what the person did to it stays.
        same_mode = disk.executable == base.executable
        new = replace(new, executable=new.executable if same_mode else disk.executable)
    if disk == new:
        return replace(change, status="identical")
    if disk == base:
        return replace(change, status="update", after=new)
    if path in plan.wishes.retry or place in plan.wishes.retry:
        return _conflict(
            change, None, disk, new, "you declined this before" if record.declined else "it is to be offered"
        )
    if base is None:
        return _conflict(change, None, disk, new, "mx's record of what it rendered is missing or damaged")
    if new.data == base.data and new.executable == disk.executable:
        return replace(change, reason="you edited it", declined=record.declined)
    return _merge(change, base, disk, new)


def _follow(plan: Plan, path: str) -> tuple[str, Content | None]:
    """Where a file that is gone went, if Git can tell; else the same path, and nothing there."""
    target = renames.follow(plan.project.root, path)
    if target is None:
        return path, None
    found = disk_content(plan.project, target)
    return (target, found) if found is not None else (path, None)


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
    merged = merge_lines(base.data if base else None, disk.data, new.data)
    if merged.mergeable:
        choices["merge"] = Content(merged.data, new.executable)
    else:
        reason += "; it is no text"
    return replace(change, status="conflict", choices=choices, reason=reason)
