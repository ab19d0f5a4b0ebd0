"""Files of mx's in the user's cache folder that nobody else may have written: what is in them is believed."""

# Strings and os functions on purpose: `mx status` reads one at every start.
# ruff: noqa: PTH102, PTH103, PTH105, PTH108

from __future__ import annotations

import contextlib
import os
import stat

from mxdev.system.user_dirs import cache_place

_LARGEST = 64 * 1024 * 1024  # bytes
_READ = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
)


def read(folder: str, name: str) -> bytes | None:
    """The bytes of a file in `folder` of the cache; None if there is none, or if another user could have written it."""
    place = f"{cache_place()}/{folder}"
    try:
        if not _ours(os.lstat(place), stat.S_IFDIR):
            return None
        descriptor = os.open(f"{place}/{name}", _READ)
    except (OSError, ValueError):
        return None
    with os.fdopen(descriptor, "rb") as stream, contextlib.suppress(OSError):
        about = os.fstat(descriptor)
        if _ours(about, stat.S_IFREG) and about.st_size <= _LARGEST:
            return stream.read()
    return None


def write(folder: str, name: str, data: bytes) -> None:
    """Keep `data`; what cannot be kept only costs time."""
    place = f"{cache_place()}/{folder}"
    aside = f"{place}/{name}.{os.urandom(4).hex()}"
    with contextlib.suppress(OSError):
        os.makedirs(cache_place(), exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(place, 0o700)
        if not _ours(os.lstat(place), stat.S_IFDIR):
            return
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
            os.replace(aside, f"{place}/{name}")
        except OSError:
            os.unlink(aside)


def _ours(about: os.stat_result, kind: int) -> bool:
    """Whether it is of this kind, belongs to this user, and nobody else may write to it."""
    user = getattr(os, "geteuid", None)
    return (
        user is not None
        and stat.S_IFMT(about.st_mode) == kind
        and about.st_uid == user()
        and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )
