"""Which files this process opens and which folders it lists while that is asked, from Python's own audit events (PEP 578)."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

# What is learned in these ways is in no file of which one could tell that it changed.
_UNSEEN = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "pty.", "sqlite3.",
)  # fmt: skip


class Opened:
    """What was seen.

    Attributes:
        files: the paths of files that were opened, or were to be, absolute.
        folders: the paths of folders that were listed, absolute.
        unseen: something was asked of which no file tells: the network, another program.
    """

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.folders: set[str] = set()
        self.unseen = False

    def note(self, event: str, arguments: tuple[object, ...]) -> None:
        """Take an audit event in."""
        if event == "open":
            self._add(self.files, arguments[0])
        elif event in ("os.listdir", "os.scandir"):
            self._add(self.folders, arguments[0] if arguments[0] is not None else os.curdir)
        elif event.startswith(_UNSEEN):
            self.unseen = True

    def _add(self, paths: set[str], path: object) -> None:
        if isinstance(path, str | bytes | os.PathLike):
            paths.add(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 (as the event gives it)
        elif not isinstance(path, int):  # a descriptor was opened by a path before
            self.unseen = True


_watching: list[Opened] = []
_hooked = False


@contextlib.contextmanager
def watching(seen: Opened) -> Iterator[None]:
    """Note into `seen` what is opened and listed inside the `with` block."""
    global _hooked
    if not _hooked:  # it cannot be taken away again
        sys.addaudithook(_hook)
        _hooked = True
    _watching.append(seen)
    try:
        yield
    finally:
        _watching.remove(seen)


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    for seen in _watching:
        seen.note(event, arguments)
