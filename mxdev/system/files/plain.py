"""Reads files that a repository brought: regular ones of a bounded size, so that no pipe, device or endless file holds mx up."""

# Strings and os functions on purpose: each command reads with this, at once after its start.
# ruff: noqa: PTH116, PTH123

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO

LARGEST = 1 << 30
"""So many bytes are read of one file where nothing less is said."""
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read(path: str | os.PathLike[str], largest: int = LARGEST) -> bytes:
    """The bytes of a file; a link is followed, so whether it may lead there has been looked at before.

    Args:
        path: the file.
        largest: how many bytes it may have.

    Raises:
        OSError: as the system gives it; EINVAL for what is not a regular file, EFBIG for one that is larger. `strerror` says so in words.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except ValueError as error:  # a NUL
        raise OSError(errno.EINVAL, "the name cannot be that of a file", os.fspath(path)) from error
    with open(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is a pipe or a device, and no file", os.fspath(path))
        data = _bounded(stream, found.st_size, largest) if found.st_size <= largest else None
    if data is None or len(data) > largest:
        size = f"{found.st_size >> 20} MB; mx reads {largest >> 20} MB"
        raise OSError(errno.EFBIG, f"it is too large ({size})", os.fspath(path))
    return data


def _bounded(stream: BinaryIO, size: int, largest: int) -> bytes:
    """What is in a file, and at most one byte more than `largest`; memory is taken for what is there, not for what may be."""
    data = stream.read(size + 1)
    while len(data) > size and len(data) <= largest:  # it grows, or its system knows no size
        size = len(data)
        data += stream.read(min(max(size, 1 << 16), largest + 1 - size))
    return data


def text(path: str | os.PathLike[str], largest: int = LARGEST) -> str:
    """As `read`, of a file in UTF-8.

    Raises:
        OSError: as `read`.
        UnicodeDecodeError: it is not UTF-8.
    """
    return read(path, largest).decode("utf-8").replace("\r\n", "\n")


def is_endless(path: str | os.PathLike[str]) -> bool:
    """Whether a program that opens this waits, or reads without an end: a pipe, or a device but for the null device."""
    try:
        found = os.stat(path)
        null = os.stat(os.devnull)
    except (OSError, ValueError):
        return False
    if stat.S_ISCHR(found.st_mode):
        return found.st_rdev != null.st_rdev
    return stat.S_ISFIFO(found.st_mode) or stat.S_ISBLK(found.st_mode)
