"""Folders and files that are this user's alone: what lies in a cache is code, or says what may run.

A file that another user could have written is not read, whatever its folder says; what mx makes is readable and
writable by its user only, whatever the umask. Administrators (user 0) count as this user: they can do anything anyway.
"""

# Strings and os functions on purpose: every start reads one of these files, and importing pathlib costs it more than that.
# ruff: noqa: PTH101, PTH102, PTH105, PTH108, PTH120

from __future__ import annotations

import contextlib
import os
import stat

_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_LARGEST = 64 * 1024 * 1024  # bytes
_READ = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
)


def make_folder(folder: str | os.PathLike[str]) -> None:
    """Make a folder, and those above it that are missing, for this user only.

    Raises:
        OSError: it cannot be made, it is a link or no folder, or another user could change what is in it.
    """
    place = os.fspath(folder)
    missing = []
    at = place
    while at and not os.path.lexists(at):
        missing.append(at)
        at = os.path.dirname(at)
    for one in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another mx was faster; whose it is is looked at below
            os.mkdir(one, 0o700)
    found = os.lstat(place)
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(20, "it is not a folder", place)
    if not _is_ours(found):
        raise PermissionError(13, "it belongs to another user", place)
    if found.st_mode & _OTHERS and hasattr(os, "geteuid") and found.st_uid == os.geteuid():
        os.chmod(place, stat.S_IMODE(found.st_mode) & ~_OTHERS)  # made by an earlier mx, by the umask alone


def read(path: str | os.PathLike[str]) -> bytes | None:
    """The bytes of a file that only this user could write; None if there is none, it may be another's, or it is huge."""
    try:
        handle = os.open(path, _READ)
    except (OSError, ValueError):
        return None
    try:
        found = os.fstat(handle)
        if (
            stat.S_ISREG(found.st_mode)
            and found.st_size <= _LARGEST
            and _is_ours(found)
            and not _others_write(found)
        ):
            with os.fdopen(handle, "rb", closefd=False) as stream:
                return stream.read()
    except OSError:
        return None
    finally:
        os.close(handle)
    return None


def write(path: str | os.PathLike[str], data: bytes) -> bool:
    """Put a file in its place at once, for this user only; whether that was possible. Its folder is made if it is missing."""
    place = os.fspath(path)
    aside = f"{place}.{os.urandom(8).hex()}"
    try:
        make_folder(os.path.dirname(place))
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(aside, place)
        except OSError:
            os.unlink(aside)
            raise
    except OSError:
        return False
    return True


def _is_ours(found: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or found.st_uid in (os.geteuid(), 0)


def _others_write(found: os.stat_result) -> bool:
    return hasattr(os, "geteuid") and bool(found.st_mode & _OTHERS)
