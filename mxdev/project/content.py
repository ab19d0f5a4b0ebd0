"""What stands at a path of a project."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mxdev.disk import fs
from mxdev.disk.journal_format import ABSENT, Operation, State
from mxdev.disk.paths import resolve_inside
from mxdev.errors import MxError, Refused
from mxdev.project.project import Project


@dataclass(frozen=True)
class Content:
    """A file as it is or should be; no file is None.

    `foreign` says in words what stands there instead, where a person put something else in the place of a rendered file; of a
    symbolic link, `data` is where it leads.
    """

    data: bytes
    executable: bool = False
    foreign: str = ""


def disk_content(project: Project, path: str) -> Content | None:
    """What stands at `path`.

    Raises:
        Refused: something that is no file stands there, or a file stands where a folder must be.
        MxError: it cannot be read, or a link leads outside.
    """
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
        if "\0" in path:
            raise  # it names nothing
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


def state_of(content: Content | None) -> State:
    """A content as the journal knows it."""
    return ABSENT if content is None else State.of(content.data, content.executable)


def operation(path: str, before: Content | None, after: Content | None) -> Operation:
    """What the journal does to `path`."""
    return Operation(path, state_of(before), state_of(after), after.data if after else None)
