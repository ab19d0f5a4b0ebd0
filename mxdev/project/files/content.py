"""What stands at a path of a project."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

from mxdev.disk import fs
from mxdev.disk.journal_format import ABSENT, Operation, State
from mxdev.disk.paths import resolve_inside
from mxdev.errors import MxError, Refused
from mxdev.project.files import encodings, in_git
from mxdev.project.project import Project


@dataclass(frozen=True)
class Content:
    """A file as it is or should be; no file is None.

    `foreign` says in words what stands there instead, where a person put something else in the place of a rendered file; of a
    symbolic link, `data` is where it leads. `raw` is what stands on the disk where Git stores something else of it, which is then
    `data`: line ends as its settings have them. It is not part of a comparison.
    """

    data: bytes
    executable: bool = False
    foreign: str = ""
    raw: bytes | None = field(default=None, compare=False)

    @property
    def on_disk(self) -> bytes:
        """The bytes as they stand on the disk."""
        return self.data if self.raw is None else self.raw


def disk_content(project: Project, path: str) -> Content | None:
    """What stands at `path`.

    Raises:
        Refused: something that is not a file stands there, or a file stands where a folder must be.
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


def stored_content(project: Project, path: str) -> Content | None:
    """As `recorded_content`, as Git would store it: what differs in the ends of lines alone is not an edit where Git says so.

    Raises:
        MxError: it cannot be read, or Git cannot tell.
    """
    return as_stored(project, path, recorded_content(project, path))


def as_stored(project: Project, path: str, content: Content | None) -> Content | None:
    """What stands at `path` as Git would store it."""
    if content is None or content.foreign:
        return content
    data = in_git.stored(project.root, path, content.data)
    return content if data == content.data else replace(content, data=data, raw=content.data)


def like(project: Project, path: str, disk: Content, other: Content | None) -> Content:
    """`disk`, as `other` if Git would store the same for both: then nobody edited it."""
    if other is None or disk.foreign:
        return disk
    if disk.data != other.data and in_git.same(project.root, path, disk.on_disk, other.data):
        disk = replace(disk, data=other.data, raw=disk.on_disk)
    return disk


def moded(project: Project, rendered: Content | None, disk: Content) -> Content | None:
    """`rendered` with the executable bit of `disk`, where Git does not look at it (`core.fileMode`)."""
    if rendered is None or rendered.executable == disk.executable or in_git.heeds_modes(project.root):
        return rendered
    return replace(rendered, executable=disk.executable)


def state_of(content: Content | None) -> State:
    """A content as the journal knows it."""
    return ABSENT if content is None else State.of(content.on_disk, content.executable)


def operation(path: str, before: Content | None, after: Content | None, mode: int | None = None) -> Operation:
    """What the journal does to `path`; the new bytes end their lines, and are encoded, as those that stand there.

    `mode` is for a file that is created.
    """
    if before is not None and before.raw is not None and after is not None and after.raw is None:
        after = replace(after, raw=_written_like(before, after.data))
    return Operation(path, state_of(before), state_of(after), after.on_disk if after else None, mode)


def encoded(project: Project, path: str, before: Content | None, after: Content | None) -> Content | None:
    """`after`, to be written in the encoding that Git's attributes give the file.

    Raises:
        Refused: mx does not know that encoding, or it has not all letters of the text.
    """
    if after is None or after.foreign or after.raw is not None or (before is not None and before.foreign):
        return after
    name = in_git.encoding(project.root, path)
    was = before.on_disk if before is not None else b""
    if not name:
        return after
    if before is not None and after.data == before.data:
        return replace(after, raw=before.raw)
    text = _ended_like(encodings.decoded(was, name) or was, before, after.data)
    raw = encodings.encoded(text, name, was)
    if raw is not None and in_git.stores(project.root, path, raw, after.data):
        return after if raw == after.data else replace(after, raw=raw)
    if in_git.stores(project.root, path, after.data, after.data):
        return after  # Git does not heed the attribute here
    raise Refused(
        f"Git keeps {path} in the encoding {name} (working-tree-encoding in .gitattributes), and the new text cannot be written "
        "in it. Nothing was written.",
        hint="Take that attribute away from this file, or another text: the values in it are those of `mx set`.",
    )


def _written_like(before: Content, data: bytes) -> bytes | None:
    """`data` in the encoding and with the ends of lines of what stands there; None: as it is."""
    raw = before.raw or b""
    name = encodings.marked(raw)
    plain = encodings.decoded(raw, name) if name else raw
    if plain is None or (name and plain.replace(b"\r\n", b"\n") != before.data.replace(b"\r\n", b"\n")):
        return None  # something else than its encoding made the difference
    text = _ended_like(plain, before, data)
    return encodings.encoded(text, name, raw) if name else text if text != data else None


def _ended_like(plain: bytes, before: Content | None, data: bytes) -> bytes:
    """`data` with the ends of lines of `plain`, the text that stands there."""
    if before is None or not plain.count(b"\n") == plain.count(b"\r\n") > before.data.count(b"\r\n"):
        return data
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
