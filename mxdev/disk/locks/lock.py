"""One writer at a time in a project: `hold` takes `.mx/lock`.

The lock is flock(2) on `.mx/lock`, which is what the `filelock` package uses: the two exclude each other. It is
taken here directly, since importing filelock costs more than applying a plan. The system drops the lock of a process
that dies, so none is ever stale. Where the system or the file system has no flock, `mxdev.disk.locks.lock_file` stands in.
"""

# Strings and os functions on purpose: this is part of a 20 ms budget.
# ruff: noqa: PTH112, PTH120, PTH208

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mxdev.disk import fs
from mxdev.disk.locks.lock_file import LARGEST
from mxdev.disk.paths import resolve_inside
from mxdev.errors import Refused
from mxdev.system.files import plain
from mxdev.system.user_dirs import command_line

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

NAME = ".mx/lock"
_PAUSE = 0.02
_HELD_ELSEWHERE = (errno.EACCES, errno.EAGAIN)
_NO_FLOCK = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP)


@contextlib.contextmanager
def hold(root: Path, *, wait: float = 3.0) -> Iterator[None]:
    """Hold the project's lock inside the `with` block.

    Args:
        root: the project's folder; `.mx/` is made if it is not there, and goes again if nothing else came into it.
        wait: seconds to wait for another holder.

    Raises:
        Refused: another process still holds it; the message says which, since when, and what it runs.
        MxError: the lock file cannot be made.
    """
    folder, path = f"{root}/.mx", f"{root}/{NAME}"
    resolve_inside(root, NAME)
    until = time.monotonic() + wait
    with fs.explained("take the lock", path, after="Nothing was changed."):
        made = _made(folder)
        try:
            descriptor, again = _take(folder, path, until)
            made = made or again
        except NoFlock as why:
            release = functools.partial(
                _release_stand_in, _stand_in(str(root), why, until), folder, path, made
            )
        else:
            release = functools.partial(_release, descriptor, folder, path, made)
    try:
        yield
    finally:
        release()


def held(root: Path) -> bool:
    """Whether another process holds the lock now. Writes nothing; False where that cannot be told."""
    if fcntl is None:
        return False
    try:
        descriptor = os.open(f"{root}/{NAME}", os.O_RDONLY | fs.NO_FOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _HELD_ELSEWHERE
    finally:
        os.close(descriptor)
    return False


class NoFlock(Exception):
    """The system or the file system has no flock; the text says how it said so."""


def _stand_in(root: str, why: NoFlock, until: float) -> Callable[[], object]:
    from mxdev.disk.locks import lock_file
    from mxdev.system import console

    release = lock_file.take(root, _about_me(), until)
    console.warn(
        f"The file system of {root} has no locks ({why}), so mx marks the project as in use with {root}/{lock_file.NAME}: "
        "that keeps the commands of this machine apart, not those of several. Work in it from one machine at a time, or "
        "mount it with locks."
    )
    return release


def _release_stand_in(release: Callable[[], object], folder: str, path: str, made: bool) -> None:
    release()
    _tidy(folder, path, made)


def _release(descriptor: int, folder: str, path: str, made: bool) -> None:
    try:
        with contextlib.suppress(OSError):
            fs.current().note(descriptor, b"")
        _tidy(folder, path, made)
    finally:
        os.close(descriptor)


def _tidy(folder: str, path: str, made: bool) -> None:
    """Leave no trace where nothing came into the folder that was made for the lock, or all but the undo has left it."""
    with contextlib.suppress(OSError):
        there = set(os.listdir(folder))
        if made and there == {"lock"}:
            fs.current().unlink(path)
            fs.current().rmdir(folder)
        elif there == {"lock", "undo"}:
            fs.current().unlink(path)


def _made(folder: str) -> bool:
    """Whether the folder was not there, and is made now."""
    if os.path.isdir(folder):
        return False
    with contextlib.suppress(FileExistsError):
        fs.current().mkdir(folder)
    return True


def _take(folder: str, path: str, until: float) -> tuple[int, bool]:
    """Take the lock; gives the descriptor that holds it, and whether the folder had to be made for it."""
    if fcntl is None:
        raise NoFlock("the system knows none")
    made = False
    while True:
        try:
            descriptor = fs.current().open_lock(path)
        except FileNotFoundError:
            # The holder before us had made the folder for its lock alone, and has removed it.
            made = _made(folder)
            if not made and time.monotonic() >= until:
                raise
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                fs.current().note(descriptor, json.dumps(_about_me()).encode())
                return descriptor, made
            os.close(descriptor)  # the holder before us removed it: lock the one that others see
        except BaseException as error:
            os.close(descriptor)
            if not isinstance(error, OSError) or error.errno not in (*_HELD_ELSEWHERE, *_NO_FLOCK):
                raise
            if error.errno in _NO_FLOCK:
                raise NoFlock(os.strerror(error.errno or 0)) from error
            if time.monotonic() >= until:
                raise _busy(path) from None
            time.sleep(_PAUSE)


def _about_me() -> dict[str, object]:
    return {"pid": os.getpid(), "command": command_line(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}


def _busy(path: str) -> Refused:
    try:
        about = json.loads(plain.read(path, LARGEST))
        who = f"process {about['pid']} since {about['since']}: {about['command']}"
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        who = "another process, which left no name"
    return Refused(
        f"Another mx is at work in {os.path.dirname(os.path.dirname(path))} ({who}).",
        hint="Wait until it is done (a question may be open in another terminal), then run again.",
    )
