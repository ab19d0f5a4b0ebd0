"""The file format of the journal and of the undo: states, operations, and how they are written down.

    mx-journal 1\\n
    {"id": …, "title": …, "entries": […], "folders": {…}, "blobs": {…}}\\n       JSON, one line, ASCII
    <all bytes, one after the other>
    \\nseal <HMAC of everything before this line, see mxdev.disk.seal>        left out where mx has no key
    \\nend <SHA-256 of everything before this line>\\n

`blobs` maps the SHA-256 of a content to [offset, length] behind the JSON line; equal contents stand there once.
`folders` maps each folder above an entry to its permission bits, or to null when it was not there before.

A journal is read like hostile input: whatever it says, no path of it leaves the project or is Git's or mx's own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from mxdev.disk.paths import problem_of, refuse_own
from mxdev.errors import MxError

VERSION = 1
_MAGIC = b"mx-journal "
_END = b"\nend "
_SEAL = b"\nseal "


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
        mode: the permission bits of a file that is created; None: as the umask has it.
        attributes: the extended attributes of a file that is created; None: none.
    """

    path: str
    before: State
    after: State
    after_data: bytes | None = None
    mode: int | None = None
    attributes: Mapping[str, bytes] | None = field(default=None, hash=False)

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
    """One target in a journal: what it was, what it becomes, and the permission bits and owner it had.

    Of a file that is created, `mode` is what it gets; None: as the umask has it.
    """

    path: str
    before: State
    after: State
    mode: int | None
    owner: tuple[int, int]
    attributes: Mapping[str, bytes] = MappingProxyType({})
    """Extended attributes that it had, access control lists among them."""

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
        undoes: the ids of the runs that it takes back.
        sealed: of a journal that was read: the SHA-256 that its seal is for, and the seal.
    """

    id: str
    title: str
    undoable: bool
    entries: tuple[Entry, ...]
    folders: Mapping[str, int | None]
    blobs: Mapping[str, bytes]
    made: int
    undoes: tuple[str, ...] = ()
    sealed: tuple[str, str] | None = field(default=None, compare=False)

    def encode(self, seal: Callable[[str], str] | None = None) -> bytes:
        """The journal as the bytes of a file; `seal` makes the seal for a SHA-256."""
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
            "undoes": self.undoes,
            "entries": [
                {
                    "path": entry.path,
                    "operation": entry.kind,
                    "before": _state_out(entry.before),
                    "after": _state_out(entry.after),
                    "mode": entry.mode,
                    "owner": entry.owner,
                    **_attributes_out(entry),
                }
                for entry in self.entries
            ],
            "folders": dict(self.folders),
            "blobs": places,
        }
        body = b"".join([_MAGIC, b"%d\n" % VERSION, json.dumps(header).encode(), b"\n", *self.blobs.values()])
        checksum = hashlib.sha256(body)
        line = b"" if seal is None else _SEAL + seal(checksum.hexdigest()).encode()
        checksum.update(line)
        return b"".join([body, line, _END, checksum.hexdigest().encode(), b"\n"])


def decode(data: bytes, name: str) -> Journal:
    """Read a journal.

    Args:
        data: the bytes of the file.
        name: its path, for messages.

    Raises:
        MxError: it is damaged, or from a newer mx.
    """
    magic, _, _ = data.partition(b"\n")
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
        return _parse(body)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged from error
    except MxError as error:  # a path that mx never writes
        raise MxError(
            f"{name} is none that mx wrote, and mx does not carry it out: {error.message}",
            hint=f"It came from elsewhere, perhaps with the project. Look into it if you like, then delete {name}.",
        ) from error


def _parse(body: bytes) -> Journal:
    first = body.index(b"\n") + 1
    start = body.index(b"\n", first) + 1
    header: dict[str, Any] = json.loads(body[first:start])
    if not re.fullmatch("[0-9a-f]{8}", header["id"]):
        raise ValueError("id")  # it becomes part of file names
    end = start + sum(_number(length) for _, length in header["blobs"].values())
    rest, sealed = body[end:], None
    if rest:
        if not re.fullmatch(_SEAL + b"[0-9a-f]{64}", rest):
            raise ValueError("seal")
        sealed = (hashlib.sha256(body[:end]).hexdigest(), rest[len(_SEAL) :].decode())
    blobs = {
        sha256: body[start + _number(at) : start + at + length]
        for sha256, (at, length) in header["blobs"].items()
    }
    if any(hashlib.sha256(data).hexdigest() != sha256 for sha256, data in blobs.items()):
        raise ValueError("blobs")
    entries = tuple(_entry(item, blobs) for item in header["entries"])
    return Journal(
        id=header["id"],
        title=str(header["title"]),
        undoable=bool(header["undoable"]),
        made=_number(header["made"]),
        entries=entries,
        folders=_folders(header["folders"], entries),
        blobs=blobs,
        undoes=tuple(map(str, header.get("undoes", ()))),
        sealed=sealed,
    )


def _entry(item: dict[str, Any], blobs: Mapping[str, bytes]) -> Entry:
    user, group = item["owner"]
    mode = item["mode"]
    if not all(type(number) is int for number in (user, group)) or (
        mode is not None and not 0 <= mode <= 0o7777
    ):
        raise ValueError("owner or mode")
    attributes = {str(name): base64.b64decode(text) for name, text in item.get("attributes", {}).items()}
    before, after = _state_in(item["before"]), _state_in(item["after"])
    entry = Entry(item["path"], before, after, mode, (user, group), attributes)
    check_path(entry.path)
    needed = () if entry.kind == "chmod" else (entry.before.sha256, entry.after.sha256)
    if any(sha256 is not None and sha256 not in blobs for sha256 in needed):
        raise ValueError(entry.path)
    return entry


def check_path(path: str) -> None:
    """Refuse a path that no journal may have, whatever it comes from.

    Raises:
        MxError: it leaves the project, or is Git's or mx's own.
    """
    if problem := problem_of(path):
        raise MxError(f"The journal names the path {path!r}, which is not usable: {problem}.")
    refuse_own(path)


def _folders(found: dict[str, int | None], entries: tuple[Entry, ...]) -> dict[str, int | None]:
    above = {
        path[:at]
        for path in (entry.path for entry in entries)
        for at, letter in enumerate(path)
        if letter == "/"
    }
    if not found.keys() <= above or any(
        mode is not None and not 0 <= mode <= 0o7777 for mode in found.values()
    ):
        raise ValueError("folders")
    return found


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a number")
    return value


def _attributes_out(entry: Entry) -> dict[str, Any]:
    if not entry.attributes:
        return {}
    return {"attributes": {name: base64.b64encode(data).decode() for name, data in entry.attributes.items()}}


def _state_out(state: State) -> dict[str, Any] | None:
    return {"sha256": state.sha256, "executable": state.executable} if state.exists else None


def _state_in(value: dict[str, Any] | None) -> State:
    return ABSENT if value is None else State(value["sha256"], value["executable"])
