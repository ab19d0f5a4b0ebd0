"""Disks for tests: one that writes down what is done to it, one that fails, one at which the process dies."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mxdev.disk import fs
from mxdev.disk.journal_format import ABSENT, Operation, State

CHANGES = ("write_new", "replace", "unlink", "mkdir", "rmdir", "chmod", "chown")
SYNCS = ("sync_file", "sync_folder")
Tree = dict[str, tuple[Any, ...]]
Log = list[tuple[str, tuple[Any, ...]]]


class WatchedFS(fs.FileSystem):
    """Calls `on(number, name, arguments)` before each primitive. Nothing is really synced, and all happens in order."""

    def __init__(self) -> None:
        self.count = 0

    def on(self, number: int, name: str, arguments: tuple[Any, ...]) -> None:
        """To be overridden."""

    def done(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Called after a primitive that raised nothing; to be overridden."""

    def together(self, sync: Callable[[str], None], paths: Sequence[str]) -> None:
        for path in paths:
            sync(path)

    def _sync(self, path: str) -> None:
        os.close(os.open(path, os.O_RDONLY))


def _watch(name: str) -> None:
    real = getattr(fs.FileSystem, name)

    def primitive(self: WatchedFS, *arguments: Any) -> Any:
        number, self.count = self.count, self.count + 1
        self.on(number, name, arguments)
        result = real(self, *arguments)
        self.done(name, arguments)
        return result

    setattr(WatchedFS, name, primitive)


for _name in CHANGES + SYNCS:
    _watch(_name)


class RecordingFS(WatchedFS):
    """Keeps (name, arguments) of each operation that worked in `log`."""

    def __init__(self) -> None:
        super().__init__()
        self.log: Log = []

    def done(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.log.append((name, arguments))


class FailingFS(RecordingFS):
    """Raises an errno at operation `at`, and at the later ones whose name is in `after`."""

    def __init__(self, at: int, number: int, after: Sequence[str] = ()) -> None:
        super().__init__()
        self.at, self.errno, self.after = at, number, after
        self.failed = ""

    def on(self, number: int, name: str, arguments: tuple[Any, ...]) -> None:
        if number == self.at or (number > self.at and name in self.after):
            self.failed = self.failed or name
            if name == "write_new":  # some bytes came through, as on a disk that runs full
                half = (arguments[0], arguments[1][: len(arguments[1]) // 2], *arguments[2:])
                fs.FileSystem.write_new(self, *half)
                self.done(name, half)
            raise OSError(self.errno, os.strerror(self.errno), arguments[0])


class KillingFS(WatchedFS):
    """The process dies at operation `at`; in the middle of it, where that is a write."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def on(self, number: int, name: str, arguments: tuple[Any, ...]) -> None:
        if number == self.at:
            if name == "write_new":
                fs.FileSystem.write_new(self, arguments[0], arguments[1][: len(arguments[1]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)


def in_child(work: Callable[[], object], disk: fs.FileSystem) -> int | None:
    """Run `work` in a child process on `disk`; gives the signal that ended it, None if it came to its end."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            with fs.use(disk):
                work()
            os._exit(0)
        except BaseException:
            os._exit(70)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    assert os.WEXITSTATUS(status) == 0, "the child failed"
    return None


def snapshot(root: Path, *, hidden: bool = False) -> Tree:
    """Everything below a folder: bytes, permission bits, links.

    Unless `hidden`, without the lock, the undo, and an empty folder of the journal.
    """
    found: Tree = {}
    for at, folders, files in os.walk(root):
        for name in folders + files:
            path = f"{at}/{name}"
            mode = os.lstat(path).st_mode
            relative = os.path.relpath(path, root)
            if stat.S_ISLNK(mode):
                found[relative] = ("link", str(Path(path).readlink()))
            elif stat.S_ISDIR(mode):
                found[relative] = ("folder", stat.S_IMODE(mode))
            else:
                found[relative] = ("file", stat.S_IMODE(mode), Path(path).read_bytes())
    if hidden:
        return found
    for path in [path for path in found if path == ".mx/lock" or path.startswith(".mx/undo")]:
        del found[path]
    for empty in (".mx/journal", ".mx"):
        if empty in found and not any(path.startswith(empty + "/") for path in found):
            del found[empty]
    return found


def build(root: Path, tree: Tree) -> None:
    """Make a folder as `snapshot` would see it."""
    root.mkdir()
    for path in sorted(tree):
        place, (kind, *rest) = root / path, tree[path]
        if kind == "folder":
            place.mkdir()
        elif kind == "file":
            place.write_bytes(rest[1])
        if kind != "link":
            place.chmod(rest[0])
        else:
            place.symlink_to(rest[0])


def change(
    path: str, before: bytes | None, after: bytes | None, was_x: bool = False, is_x: bool = False
) -> Operation:
    """An operation from bytes."""
    return Operation(
        path,
        ABSENT if before is None else State.of(before, was_x),
        ABSENT if after is None else State.of(after, is_x),
        after,
    )


OLD: Tree = {
    "mx.yaml": ("file", 0o644, b"version: 1\n"),
    "theirs.txt": ("file", 0o600, b"not mx's\n"),
    "edit.txt": ("file", 0o640, b"first\n"),
    "tool.sh": ("file", 0o755, b"#!/bin/sh\n"),
    "turned.sh": ("file", 0o644, b"echo\n"),
    "swap": ("file", 0o644, b"a file becomes a folder\n"),
    "empty": ("folder", 0o755),
    "dir": ("folder", 0o750),
    "dir/in": ("folder", 0o755),
    "dir/in/gone.txt": ("file", 0o644, b"goes, and its folders\n"),
    "half": ("folder", 0o755),
    "half/gone.txt": ("file", 0o600, b"goes\n"),
    "half/stays.txt": ("file", 0o644, b"stays\n"),
    ".mx": ("folder", 0o755),
    ".mx/pristine": ("folder", 0o755),
    ".mx/pristine/edit.txt.pristine": ("file", 0o644, b"first\n"),
}
PLAN = [
    change("mx.yaml", b"version: 1\n", b"version: 1\nname: x\n"),
    change("edit.txt", b"first\n", b"second, and longer\n"),
    change("tool.sh", b"#!/bin/sh\n", b"#!/bin/sh\nset -e\n", True, True),
    change("turned.sh", b"echo\n", b"echo\n", False, True),
    change("swap", b"a file becomes a folder\n", None),
    change("swap/inside.txt", None, b"inside\n"),
    change("dir/in/gone.txt", b"goes, and its folders\n", None),
    change("half/gone.txt", b"goes\n", None),
    change("new/deep/file.txt", None, b"new\n"),
    change("new/run", None, b"#!\n", False, True),
    change("empty/first.txt", None, b"first\n"),
    change(".mx/pristine/edit.txt.pristine", b"first\n", b"second, and longer\n"),
]
NEW: Tree = {
    **{path: what for path, what in OLD.items() if not path.startswith(("dir", "half/gone", "swap"))},
    "mx.yaml": ("file", 0o644, b"version: 1\nname: x\n"),
    "edit.txt": ("file", 0o640, b"second, and longer\n"),
    "tool.sh": ("file", 0o755, b"#!/bin/sh\nset -e\n"),
    "turned.sh": ("file", 0o755, b"echo\n"),
    "swap": ("folder", 0o755),
    "swap/inside.txt": ("file", 0o644, b"inside\n"),
    "new": ("folder", 0o755),
    "new/deep": ("folder", 0o755),
    "new/deep/file.txt": ("file", 0o644, b"new\n"),
    "new/run": ("file", 0o755, b"#!\n"),
    "empty/first.txt": ("file", 0o644, b"first\n"),
    ".mx/pristine/edit.txt.pristine": ("file", 0o644, b"second, and longer\n"),
}


@contextlib.contextmanager
def memory() -> Iterator[Path]:
    """A folder in memory where the system has one: hundreds of small projects are made there."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        yield Path(folder)


@contextlib.contextmanager
def project(place: Path, tree: Tree | None = None) -> Iterator[Path]:
    """A project as in OLD, removed afterwards."""
    root = place / "project"
    build(root, OLD if tree is None else tree)
    try:
        yield root
    finally:
        shutil.rmtree(root)
