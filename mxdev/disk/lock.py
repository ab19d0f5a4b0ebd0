"""One writer at a time in a project: `hold` takes `.mx/lock`.

The lock is flock(2) on `.mx/lock`, which is what the `filelock` package uses: the two exclude each other. It is
taken here directly, since importing filelock costs more than applying a plan; filelock itself is used where the
system or the file system has no flock. The system drops the lock of a process that dies, so none is ever stale.
"""

# Strings and os functions on purpose: this is part of a 20 ms budget.
# ruff: noqa: PTH112, PTH120, PTH208

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mxdev.disk import fs
from mxdev.disk.paths import resolve_inside
from mxdev.errors import Refused
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
    with fs.explained("take the lock", path, after="Nothing was changed."):
        made = not os.path.isdir(folder)
        if made:
            with contextlib.suppress(FileExistsError):
                fs.current().mkdir(folder)
        release = _take(path, time.monotonic() + wait)
    try:
        yield
    finally:
        try:
            _tidy(folder, path, made)
        finally:
            release()


def _tidy(folder: str, path: str, made: bool) -> None:
    """Leave no trace where nothing came into the folder that was made for the lock, or all but the undo has left it."""
    with contextlib.suppress(OSError):
        there = set(os.listdir(folder))
        if made and there == {"lock"}:
            fs.current().unlink(path)
            fs.current().rmdir(folder)
        elif there == {"lock", "undo"}:
            fs.current().unlink(path)


def _take(path: str, until: float) -> Callable[[], object]:
    """Take the lock; gives what releases it."""
    if fcntl is None:
        return _by_filelock(path, until)
    while True:
        descriptor = fs.current().open_lock(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                fs.current().note(descriptor, _about_me())
                return lambda: os.close(descriptor)
            os.close(descriptor)  # the holder before us removed it: lock the one that others see
        except BaseException as error:
            os.close(descriptor)
            if not isinstance(error, OSError) or error.errno not in (*_HELD_ELSEWHERE, *_NO_FLOCK):
                raise
            if error.errno in _NO_FLOCK:
                return _by_filelock(path, until)
            if time.monotonic() >= until:
                raise _busy(path) from None
            time.sleep(_PAUSE)


def _by_filelock(path: str, until: float) -> Callable[[], object]:
    import filelock

    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=max(0.0, until - time.monotonic()))
    except filelock.Timeout:
        raise _busy(path) from None
    return lock.release


def _about_me() -> bytes:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return json.dumps({"pid": os.getpid(), "command": command_line(), "since": since}).encode()


def _busy(path: str) -> Refused:
    try:
        with open(path, "rb") as stream:  # noqa: PTH123
            about = json.loads(stream.read())
        who = f"process {about['pid']} since {about['since']}: {about['command']}"
    except (OSError, ValueError, KeyError, TypeError):
        who = "another process, which left no name"
    return Refused(
        f"Another mx is at work in {os.path.dirname(os.path.dirname(path))} ({who}).",
        hint="Wait until it is done (a question may be open in another terminal), then run again.",
    )
