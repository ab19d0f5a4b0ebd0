"""The seal of a journal: only this user, in this checkout, can have made it.

A journal says what is written where, so one that came with a repository must not be carried out. Its seal is an
HMAC over its bytes, the user and the inodes of the project's folder and of `.mx/`, with a key that lies outside of every
project. A clone has other inodes, a stranger has no key; a folder that was only renamed is still the same.
"""

# Strings and os functions on purpose: this is part of a 20 ms budget.
# ruff: noqa: PTH103, PTH116, PTH120

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from mxdev.disk import fs
from mxdev.system.user_dirs import state_folder

NAME = "journal-key"
_SIZE = 32


class NoKey(Exception):
    """There is no key, and none can be made; the text says why, for a person."""


def seal(root: str, digest: str) -> str:
    """The seal of a journal in `root` whose bytes have the SHA-256 `digest`; the key is made if there is none yet.

    Raises:
        NoKey: the user's state folder cannot be used.
    """
    return _hmac(_key(root, make=True), root, digest)


def fits(root: str, digest: str, given: str) -> bool:
    """Whether `given` is the seal that this user's journal in `root` has. False where there is no key."""
    import hmac

    try:
        return hmac.compare_digest(_hmac(_key(root, make=False), root, digest), given)
    except (NoKey, OSError):
        return False


def place_of(root: str) -> str:
    """What tells this checkout from its copies and clones: the inodes of the project's folder and of `.mx/`."""
    return f"{os.stat(root).st_ino} {os.lstat(f'{root}/.mx').st_ino}"


def _hmac(key: bytes, root: str, digest: str) -> str:
    import hmac

    text = f"mx-journal {_user()} {place_of(root)} {digest}"
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def _user() -> int:
    return getattr(os, "geteuid", lambda: 0)()


def _key(root: str, *, make: bool) -> bytes:
    folder = state_folder()
    path = f"{folder}/{NAME}"
    if checkout := _checkout_around(root, folder):
        raise NoKey(f"{folder} lies in {checkout}, where it could be committed")
    try:
        return _read(path)
    except FileNotFoundError:
        if not make:
            raise NoKey(f"there is no {path}") from None
    except OSError as error:
        raise NoKey(f"{path} cannot be read: {error.strerror}") from error
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        _make(path)
        return _read(path)
    except OSError as error:
        raise NoKey(f"{path} cannot be written: {error.strerror}") from error


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | fs.NO_FOLLOW)
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        data = stream.read(_SIZE + 1)
    if found.st_uid != _user() or stat.S_IMODE(found.st_mode) & 0o077 or not stat.S_ISREG(found.st_mode):
        raise NoKey(f"{path} belongs to another user, or others may read it: delete it")
    if len(data) != _SIZE:
        raise NoKey(f"{path} is damaged: delete it")
    return data


def _make(path: str) -> None:
    """Write a new key, whole or not at all; one that appears meanwhile stays."""
    disk, temporary = fs.FileSystem(), f"{path}.{os.urandom(8).hex()}"
    try:
        disk.write_new(temporary, os.urandom(_SIZE), 0o600)
        disk.sync_file(temporary)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
        disk.sync_folder(os.path.dirname(path))
    finally:
        with contextlib.suppress(OSError):
            disk.unlink(temporary)


def _checkout_around(root: str, folder: Path) -> str | None:
    """The checkout (or else the project) in which both the project and the state folder lie; None if there is none."""
    at = top = os.path.realpath(root)
    while True:
        if os.path.lexists(f"{at}/.git"):
            top = at
            break
        above = os.path.dirname(at)
        if above == at:
            break
        at = above
    place = os.path.realpath(folder)
    return top if place == top or place.startswith(top.rstrip("/") + "/") else None
