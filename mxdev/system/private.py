"""Folders and files that are this user's alone: what lies in a cache is code, or says what may run.

A file that another user could have written is not read, whatever its folder says; what mx makes is readable and
writable by its user only, whatever the umask. Administrators (user 0) count as this user: they can do anything anyway.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user only.

    Raises:
        OSError: it cannot be made, it is a link or no folder, or another user could change what is in it.
    """
    missing = []
    at = folder
    while not os.path.lexists(at):
        missing.append(at)
        at = at.parent
    for place in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another mx was faster; whose it is is looked at below
            place.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(20, "it is no folder", str(folder))
    if not _is_ours(found):
        raise PermissionError(13, "it belongs to another user", str(folder))
    if found.st_mode & _OTHERS and hasattr(os, "geteuid") and found.st_uid == os.geteuid():
        folder.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)  # made by an earlier mx, by the umask alone


def read(path: Path) -> bytes | None:
    """The bytes of a file that only this user could write; None if there is none, or it may be another's."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or not _is_ours(found) or _others_write(found):
            return None
        parts = []
        while part := os.read(handle, 1 << 20):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return None
    finally:
        os.close(handle)


def write(path: Path, data: bytes) -> bool:
    """Put a file in its place at once, for this user only; whether that was possible. Its folder is made if it is missing."""
    import tempfile

    try:
        make_folder(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except OSError:
        return False
    return True


def _is_ours(found: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or found.st_uid in (os.geteuid(), 0)


def _others_write(found: os.stat_result) -> bool:
    return hasattr(os, "geteuid") and bool(found.st_mode & _OTHERS)
