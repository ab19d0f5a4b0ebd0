"""Stands in for the lock where the file system has no flock: a file that only one process can create.

Nobody removes it for a process that dies, so it says who made it: the file of a process that does not live any more on this
machine is removed. Of another machine nobody can tell.
"""

# Strings and os functions on purpose, as in the lock itself.
# ruff: noqa: PTH120

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mxdev.disk import fs
from mxdev.errors import Refused
from mxdev.system.files import plain

LARGEST = 1 << 16
"""So many bytes of a lock file are read."""

NAME = ".mx/journal/lock"
_PAUSE = 0.05


def take(root: str, about: dict[str, object], until: float) -> Callable[[], object]:
    """Take the lock; gives what releases it.

    Args:
        root: the project's folder.
        about: what others are told of this process: pid, command, since.
        until: when to give up, on the monotonic clock.

    Raises:
        Refused: another process has it, or nobody can tell whether it still lives.
        OSError: the file cannot be made.
    """
    path = f"{root}/{NAME}"
    folder = os.path.dirname(path)
    text = json.dumps({**about, "machine": _machine(), "started": _started(os.getpid())}).encode()
    while True:
        with contextlib.suppress(FileExistsError):
            fs.current().mkdir(folder)
        try:
            fs.current().write_new(path, text, 0o644)
        except FileNotFoundError:
            continue  # the holder before us removed the folder
        except FileExistsError:
            _remove_stale(path)
            if time.monotonic() >= until:
                raise _busy(root, path) from None
            time.sleep(_PAUSE)
        else:
            return lambda: _release(path)


def _release(path: str) -> None:
    with contextlib.suppress(OSError):
        fs.current().unlink(path)
    with contextlib.suppress(OSError):  # it holds a journal
        fs.current().rmdir(os.path.dirname(path))


def _machine() -> str:
    """This machine since it was started, and the processes that see each other on it."""
    import socket

    found = [socket.gethostname()]
    with contextlib.suppress(OSError):
        found.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        found.append(os.readlink("/proc/self/ns/pid"))  # noqa: PTH115
    return " ".join(found)


def _started(pid: int) -> str:
    """When a process of this machine began, as the system counts; "" when there is none (a zombie is none), or nobody can tell."""
    try:
        # proc(5): the name stands in brackets and may hold anything; the state comes first behind it, the start 20th.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == b"Z" else fields[19].decode()


def _read(path: str) -> dict[str, Any]:
    try:
        found = json.loads(plain.read(path, LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _dead(about: dict[str, Any]) -> bool:
    pid = about.get("pid")
    if about.get("machine") != _machine() or type(pid) is not int or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # somebody else's, so it lives
    return bool(about.get("started")) and about["started"] != _started(pid)


def _remove_stale(path: str) -> None:
    """Remove the file of a dead process; only one process at a time does, so that nobody removes the file of a living one."""
    if not _dead(_read(path)):
        return
    guard = f"{path}-removing"
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        fs.current().write_new(guard, b"", 0o644)
        try:
            if _dead(_read(path)):
                fs.current().unlink(path)
        finally:
            fs.current().unlink(guard)


def _busy(root: str, path: str) -> Refused:
    about = _read(path)
    who = (
        f"process {about['pid']} since {about.get('since')}: {about.get('command')}"
        if "pid" in about
        else "another process, which left no name"
    )
    return Refused(
        f"Another mx is at work in {root} ({who}).",
        hint="Wait until it is done, then run again. This file system has no locks, so mx cannot tell whether a process of "
        f"another machine still lives: if none does, delete {path} (and {path}-removing, if it is there).",
    )
