"""The file format of the journal and of the undo: states, operations, and how they are written down.

    mx-journal 1\\n
    {"id": …, "title": …, "entries": […], "folders": {…}, "blobs": {…}}\\n       JSON, one line, ASCII
    <all bytes, one after the other>
    \\nend <SHA-256 of everything before this line>\\n

`blobs` maps the SHA-256 of a content to [offset, length] behind the JSON line; equal contents stand there once.
`folders` maps each folder above an entry to its permission bits, or to null when it was not there before.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from mxdev.errors import MxError

VERSION = 1
_MAGIC = b"mx-journal "
_END = b"\nend "


@dataclass(frozen=True, slots=True)
class State:
    """A target: absent (`sha256` is None) or a regular file with these bytes.

    Attributes:
        sha256: SHA-256 of the bytes, hexadecimal; None when nothing is there.
        executable: the owner's executable bit.
    """

    sha256: str | None
    executable: bool = False

    @classmethod
    def of(cls, data: bytes, executable: bool = False) -> State:
        """The state of a file with these bytes."""
        return cls(hashlib.sha256(data).hexdigest(), executable)

    @property
    def exists(self) -> bool:
        """Whether a file is there."""
        return self.sha256 is not None


ABSENT = State(None)


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of one target.

    Attributes:
        path: relative to the root, parts separated by "/".
        before: what must stand there now.
        after: what shall stand there.
        after_data: the bytes of `after`; may be None when it is absent or has the same bytes as `before`.
    """

    path: str
    before: State
    after: State
    after_data: bytes | None = None

    @property
    def kind(self) -> str:
        """create, replace, remove, chmod (same bytes, other executable bit) or nothing."""
        if self.before == self.after:
            return "nothing"
        if not self.before.exists:
            return "create"
        if not self.after.exists:
            return "remove"
        return "chmod" if self.before.sha256 == self.after.sha256 else "replace"


class Entry(NamedTuple):
    """One target in a journal: what it was, what it becomes, and the permission bits and owner it had."""

    path: str
    before: State
    after: State
    mode: int | None
    owner: tuple[int, int]

    @property
    def kind(self) -> str:
        """As `Operation.kind`."""
        return Operation(self.path, self.before, self.after).kind


@dataclass(frozen=True)
class Journal:
    """A plan that is being applied, with all bytes it needs in either direction.

    Attributes:
        id: 8 hexadecimal digits; part of the names of its temporary files.
        title: what was run, for a person.
        undoable: whether it becomes the undo once it is done.
        entries: the targets.
        folders: each folder above an entry -> permission bits, or None when it was not there.
        blobs: SHA-256 -> bytes.
        made: seconds since 1970.
    """

    id: str
    title: str
    undoable: bool
    entries: tuple[Entry, ...]
    folders: Mapping[str, int | None]
    blobs: Mapping[str, bytes]
    made: int

    def encode(self) -> bytes:
        """The journal as the bytes of a file."""
        places: dict[str, tuple[int, int]] = {}
        offset = 0
        for sha256, data in self.blobs.items():
            places[sha256] = (offset, len(data))
            offset += len(data)
        header = {
            "id": self.id,
            "title": self.title,
            "made": self.made,
            "undoable": self.undoable,
            "entries": [
                {
                    "path": entry.path,
                    "operation": entry.kind,
                    "before": _state_out(entry.before),
                    "after": _state_out(entry.after),
                    "mode": entry.mode,
                    "owner": entry.owner,
                }
                for entry in self.entries
            ],
            "folders": dict(self.folders),
            "blobs": places,
        }
        body = b"".join([_MAGIC, b"%d\n" % VERSION, json.dumps(header).encode(), b"\n", *self.blobs.values()])
        return b"".join([body, _END, hashlib.sha256(body).hexdigest().encode(), b"\n"])


def decode(data: bytes, name: str) -> Journal:
    """Read a journal.

    Args:
        data: the bytes of the file.
        name: its path, for messages.

    Raises:
        MxError: it is damaged, or from a newer mx.
    """
    magic, _, rest = data.partition(b"\n")
    version = magic.removeprefix(_MAGIC)
    if magic.startswith(_MAGIC) and version.isdigit() and int(version) > VERSION:
        raise MxError(
            f"{name} was written by a newer mx (journal format {int(version)}, this mx knows {VERSION}).",
            hint="Run the newer mx once in this project, or upgrade this one: `pip install -U mx-devtool`.",
        )
    damaged = MxError(
        f"{name} is damaged; mx does not touch the project by it.",
        hint=f"Compare the project with your version control, correct it by hand, then delete {name}.",
    )
    tail = len(_END) + 64 + 1
    body, end = data[:-tail], data[-tail:]
    if not magic.startswith(_MAGIC) or end != _END + hashlib.sha256(body).hexdigest().encode() + b"\n":
        raise damaged
    try:
        return _parse(rest[: len(rest) - tail])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged from error


def _parse(rest: bytes) -> Journal:
    line, _, blobs = rest.partition(b"\n")
    header: dict[str, Any] = json.loads(line)
    if not re.fullmatch("[0-9a-f]{8}", header["id"]):
        raise ValueError("id")  # it becomes part of file names
    return Journal(
        id=header["id"],
        title=header["title"],
        undoable=header["undoable"],
        made=header["made"],
        entries=tuple(_entry(item, header["blobs"]) for item in header["entries"]),
        folders=header["folders"],
        blobs={sha256: blobs[start : start + length] for sha256, (start, length) in header["blobs"].items()},
    )


def _entry(item: dict[str, Any], blobs: Mapping[str, Any]) -> Entry:
    user, group = item["owner"]
    entry = Entry(
        item["path"], _state_in(item["before"]), _state_in(item["after"]), item["mode"], (user, group)
    )
    needed = () if entry.kind == "chmod" else (entry.before.sha256, entry.after.sha256)
    if any(sha256 is not None and sha256 not in blobs for sha256 in needed):
        raise ValueError(entry.path)
    return entry


def _state_out(state: State) -> dict[str, Any] | None:
    return {"sha256": state.sha256, "executable": state.executable} if state.exists else None


def _state_in(value: dict[str, Any] | None) -> State:
    return ABSENT if value is None else State(value["sha256"], value["executable"])
