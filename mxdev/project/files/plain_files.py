"""The bytes of a project's files, to tell whether anything changed: only of plain files, and of none behind a link."""

# Strings and os functions on purpose: `mx status` reads everything that was rendered with this.
# ruff: noqa: PTH208

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable

from mxdev.project.records import PRISTINE, PROJECT_FILE, RECORDS
from mxdev.system.files.plain import LARGEST

_OVERRIDES = ".mx/overrides"
_READ = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
)


class PlainFiles:
    """Reads plain files of a project: none that is a link or something else, none behind a link."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._folders: dict[str, bool] = {"": True}
        self._shared: dict[str, bytes | None] = {}

    def digest(self, paths: Iterable[str]) -> str | None:
        """A hash of these files, their names and whether they are programs; None if one is not a plain file."""
        whole = hashlib.sha256()
        for path in paths:
            if path not in self._shared:
                self._shared[path] = self._one(path)
            one = self._shared[path]
            if one is None:
                return None
            whole.update(one)
        return whole.hexdigest()

    def _one(self, path: str) -> bytes | None:
        data = self.read(path)
        return None if data is None else hashlib.sha256(path.encode() + b"\0" + data).digest()

    def content(self, path: str) -> tuple[str, bool] | None:
        """The SHA-256 of a file's bytes, and whether it is a program."""
        data = self.read(path)
        return None if data is None else (hashlib.sha256(data[1:]).hexdigest(), data[:1] == b"x")

    def state(self) -> str | None:
        """A hash of mx's own files that say what is rendered."""
        records = [path for path in self._list(RECORDS) if path.endswith(".yaml")]
        if not records or not self._folder(RECORDS):
            return None
        known = {path.rpartition("/")[2].removesuffix(".yaml") for path in records}
        if not known.issuperset(path.rpartition("/")[2] for path in self._list(PRISTINE)):
            return None  # of what a record is missing, or nothing at all
        paths = [PROJECT_FILE, *records]
        over = self._below(_OVERRIDES) if os.path.lexists(f"{self._root}/{_OVERRIDES}") else []
        return None if over is None else self.digest([*paths, *over])

    def _below(self, folder: str) -> list[str] | None:
        """All files below a folder; None if something else is there too."""
        found: list[str] = []
        for path in self._list(folder) if self._folder(folder) else [f"{folder}/?"]:
            if self._folder(path):
                inside = self._below(path)
                if inside is None:
                    return None
                found += [f"{path}/", *inside]
            else:
                found.append(path)
        return found

    def _list(self, folder: str) -> list[str]:
        try:
            return sorted(f"{folder}/{name}" for name in os.listdir(f"{self._root}/{folder}"))
        except OSError:
            return []

    def _folder(self, path: str) -> bool:
        if path not in self._folders:
            above = path.rpartition("/")[0]
            try:
                here = stat.S_ISDIR(os.lstat(f"{self._root}/{path}").st_mode)
            except (OSError, ValueError):
                here = False
            self._folders[path] = here and self._folder(above)
        return self._folders[path]

    def read(self, path: str) -> bytes | None:
        """A letter for the executable bit, and the bytes of a file; a folder's path ends in a slash."""
        if path.endswith("/"):
            return b"/" if self._folder(path[:-1]) else None
        if not self._folder(path.rpartition("/")[0]):
            return None
        try:
            descriptor = os.open(f"{self._root}/{path}", _READ)
        except (OSError, ValueError):
            return None
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
                return None
            parts = [b"x" if about.st_mode & 0o100 else b"-"]
            while part := os.read(descriptor, about.st_size + 1):
                parts.append(part)
            return b"".join(parts)
        except OSError:
            return None
        finally:
            os.close(descriptor)
