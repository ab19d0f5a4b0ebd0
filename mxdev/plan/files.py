"""The plan for files that one instance renders whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from mxdev.errors import Refused
from mxdev.generator.tree import File
from mxdev.plan.model import Change, Plan, Rendering, Resolution
from mxdev.project.files import in_git, renames
from mxdev.project.files.content import Content, as_stored, disk_content, like, moded
from mxdev.project.guests import guests_of, with_guests
from mxdev.project.records import FileRecord

_NO_BASE = "mx's record of what it rendered is missing or damaged"


def plan_files(plan: Plan) -> Iterator[Change]:
    """A change for every path that an instance renders now or rendered last."""
    owner = {path: r.instance for r in plan.renderings if r.tree is not None for path in r.tree.files}
    # A file may pass from one instance to another in one plan: it is then the same file, with the same record.
    former = {
        path: name
        for name in (r.known_as for r in plan.renderings)
        for path in (plan.project.instances[name].files if name in plan.project.instances else ())
    }
    for rendering in plan.renderings:
        files = rendering.tree.files if rendering.tree is not None else {}
        mine = {path for path, name in former.items() if name == rendering.known_as}
        for path in sorted({*files, *mine}):
            if owner.get(path, rendering.instance) != rendering.instance:
                continue
            name = former.get(path)
            record = plan.project.instances[name].files[path] if name is not None else None
            try:
                change = _plan_file(plan, rendering, path, files.get(path), record, name or "")
            except Refused:
                if record is not None or not _gives_way(plan, path, former, owner):
                    raise
                change = _created(rendering, files[path])
            if change is not None:
                if path in files and files[path].by:
                    change.reason = "; ".join(filter(None, [change.reason, f"template of {files[path].by}"]))
                yield change


def _created(rendering: Rendering, file: File) -> Change:
    new = Content(file.data, file.executable)
    return Change(file.path, "create", (rendering.instance,), None, new, rendered=file.path)


def _gives_way(plan: Plan, path: str, former: Mapping[str, str], owner: Mapping[str, str]) -> bool:
    """Whether what stands in the way of a new file goes with this plan: a file that is to be a folder, or the other way round."""
    renderings = {rendering.known_as: rendering for rendering in plan.renderings}

    def goes(other: str) -> bool:
        if other not in former or other in owner:
            return False
        rendering = renderings[former[other]]
        record = plan.project.instances[former[other]].files[other]
        change = _plan_file(plan, rendering, other, None, record, former[other])
        return change is not None and change.status == "remove"

    place = plan.root / path
    if place.is_dir() and not place.is_symlink():
        inside = [found for found in place.rglob("*") if found.is_symlink() or not found.is_dir()]
        return all(goes(found.relative_to(plan.root).as_posix()) for found in inside)
    return any(goes(above.as_posix()) for above in PurePosixPath(path).parents)


def _plan_file(
    plan: Plan, rendering: Rendering, path: str, file: File | None, record: FileRecord | None, former: str
) -> Change | None:
    place, disk = _place(plan, path, record)
    guests = guests_of(plan.project).get(path, ())
    new = with_guests(path, guests, Content(file.data, file.executable) if file else None, disk)
    change = Change(place, "keep", (rendering.instance,), disk, disk, rendered=path)
    if record is None:
        assert new is not None  # a path is rendered, recorded or both
        if disk is None:
            return replace(change, status="create", after=new)
        change.before = change.after = disk = like(plan.project, place, disk, new)
        new = moded(plan.project, new, disk) or new
        if disk == new:
            return replace(change, status="identical", adopted=True)
        change.adopted = True  # whatever becomes of it: mx did not create it, so mx does not remove it
        return _conflict(change, None, disk, new, "a file that mx did not write is in the way")
    change.adopted, change.declined = record.adopted, record.declined
    if disk is not None and disk.foreign:
        reason, gone = f"it is {disk.foreign} now", new is None
        return replace(change, status="orphan" if gone else "keep", reason=reason, away=not gone)
    data = plan.project.pristine(former, path)
    base = None if data is None else with_guests(path, guests, Content(data, record.executable), disk)
    if disk is None:
        return _missing(plan, rendering, change, new, never=record.private and base is None)
    base, new = moded(plan.project, base, disk), moded(plan.project, new, disk)
    change.before = change.after = disk = like(plan.project, place, disk, base)
    if disk != base:
        change.before = change.after = disk = like(plan.project, place, disk, new)
    if new is None:
        if disk == base and not record.adopted and place == path:
            going = [r.known_as for r in plan.renderings if r.tree is None]
            staying = guests_of(plan.project, going).get(path, ())
            left = with_guests(path, staying, Content(b"", disk.executable), disk)
            if left is not None and left.data:
                return replace(change, status="update", after=left, reason="sections of others stay in it")
            return replace(change, status="remove", after=None)
        why = "you edited it" if disk != base else "you renamed it" if place != path else "it was adopted"
        return replace(change, status="orphan", reason=why)
    if base is not None:
        # The mode is merged on its own: what the person did to it stays.
        same_mode = disk.executable == base.executable
        new = replace(new, executable=new.executable if same_mode else disk.executable)
    if disk == new:
        return replace(change, status="identical", declined=False)
    if disk == base:
        return replace(change, status="update", after=new)
    if path in plan.wishes.retry or place in plan.wishes.retry:
        return _conflict(
            change, None, disk, new, "you declined this before" if record.declined else "it is to be offered"
        )
    if base is None:
        return _conflict(change, None, disk, new, _NO_BASE)
    if new.data == base.data and new.executable == disk.executable:
        return replace(change, reason="you edited it")
    return merged(change, base, disk, new)


def _missing(
    plan: Plan, rendering: Rendering, change: Change, new: Content | None, *, never: bool
) -> Change | None:
    """What becomes of a file that was rendered and is not there; `never`: Git ignores it, so that no clone has it."""
    if new is not None and not plan.wishes.restore.isdisjoint((change.path, change.rendered)):
        return replace(change, status="create", after=new, reason="restored", declined=False)
    why = in_git.absence(plan.root, change.path)
    if new is None and why != "away":
        return None
    if new is None and rendering.tree is None:
        return replace(change, status="orphan", reason="it is not here, and Git has it")
    reason = "it is not here: Git ignores it, so that no clone has it" if never else in_git.ABSENT[why]
    return replace(change, reason=reason, away=True)


def _place(plan: Plan, path: str, record: FileRecord | None) -> tuple[str, Content | None]:
    """Where the file is, and what stands there."""
    if record is None:
        return path, as_stored(plan.project, path, disk_content(plan.project, path))
    rendered = [file for r in plan.renderings if r.tree is not None for file in r.tree.files if file != path]
    return renames.locate(plan.project, path, record.moved, rendered)


def merged(change: Change, base: Content | None, disk: Content, new: Content) -> Change:
    """The row of a file that a person and the generator both changed: merged, kept or in conflict.

    Args:
        change: the row as far as it is known.
        base: what was rendered last; None where mx's record of it is missing or damaged.
        disk: the person's.
        new: what is rendered now.
    """
    from mxdev.merge.merge import merge_file

    if base is None:
        return _conflict(change, None, disk, new, _NO_BASE)
    if disk.data == base.data or new.data == base.data:
        data = new.data if disk.data == base.data else disk.data
        return replace(change, status="update", after=Content(data, new.executable))
    both = merge_file(change.path, base.data, disk.data, new.data)
    if not both.clean:
        reason = both.reason or "you and the generator changed the same place"
        return _conflict(change, base, disk, new, reason)
    after = Content(both.data, new.executable)
    if after == disk:
        return replace(change, reason="your edit has it already", declined=False)
    return replace(change, status="merge", after=after)


def _conflict(change: Change, base: Content | None, disk: Content, new: Content, reason: str) -> Change:
    from mxdev.merge.by_lines import merge_lines

    choices: dict[Resolution, Content | None] = {"keep": disk, "overwrite": new}
    merged = merge_lines(base.data if base else None, disk.data, new.data)
    if merged.mergeable:
        choices["merge"] = Content(merged.data, new.executable)
    elif merged.reason != reason:
        reason += f"; {merged.reason or 'it is not text'}"
    return replace(change, status="conflict", choices=choices, reason=reason)
