"""Open folders below a root: a path is reached part by part, so that a folder that becomes a link cannot lead out of it."""

# Strings and os functions on purpose: this is part of a 20 ms budget.
# ruff: noqa: PTH118

from __future__ import annotations

import contextlib
import errno
import os

from mxdev.disk.paths import is_git

_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_MOST = 128  # open at the same time


class Folders:
    """The folders below one root that were opened so far."""

    def __init__(self, root: str, descriptor: int | None = None) -> None:
        self.root = root
        self._given = descriptor is not None
        self._top = os.open(root, _FLAGS) if descriptor is None else descriptor
        self._open: dict[str, int] = {}

    def at(self, path: str) -> tuple[int, str] | None:
        """The open folder that an absolute path is in, and its name there; None if it is not below the root.

        Raises:
            OSError: a folder on the way is not there, is none, or is a link that leads out of the root or into Git's.
        """
        if not path.startswith(self.root + "/"):
            return None
        folder, _, name = path[len(self.root) + 1 :].rpartition("/")
        if len(self._open) > _MOST:
            self._close_all()
        return self._folder(folder), name

    def forget(self, path: str) -> None:
        """A folder goes: what is open of it and below it is closed."""
        gone = path[len(self.root) + 1 :]
        for folder in [at for at in self._open if at == gone or at.startswith(gone + "/")]:
            os.close(self._open.pop(folder))

    def close(self) -> None:
        """Close all that was opened."""
        self._close_all()
        if not self._given:
            os.close(self._top)

    def _close_all(self) -> None:
        for descriptor in self._open.values():
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._open.clear()

    def _folder(self, folder: str) -> int:
        if not folder:
            return self._top
        if folder in self._open:
            return self._open[folder]
        above, _, name = folder.rpartition("/")
        try:
            descriptor = os.open(name, _FLAGS | _NO_FOLLOW, dir_fd=self._folder(above))
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            place = self._inside(folder)
            if place is None or place == folder:
                raise
            descriptor = os.dup(self._folder(place))
        self._open[folder] = descriptor
        return descriptor

    def _inside(self, folder: str) -> str | None:
        """Where a link leads to, relative to the root; None if that is not inside, or Git's own."""
        top = os.path.realpath(self.root)
        place = os.path.realpath(os.path.join(self.root, folder))
        if not place.startswith(top.rstrip("/") + "/"):
            return None
        relative = place[len(top.rstrip("/")) + 1 :]
        return None if any(map(is_git, relative.split("/"))) else relative
