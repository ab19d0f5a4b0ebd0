"""A new project is put together beside its place and appears there by one rename, whole or not at all."""

# Strings and os functions on purpose: this is part of a 20 ms budget.
# ruff: noqa: PTH100, PTH112, PTH114, PTH116, PTH208

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Sequence
from pathlib import Path

from mxdev.disk import fs
from mxdev.disk.journal_format import Operation, State
from mxdev.disk.paths import resolve_inside
from mxdev.disk.targets import parents
from mxdev.errors import MxError, Refused
from mxdev.system.signals import deferred

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

_LEFTOVER = re.compile(r"\..+\.mx-[0-9a-f]{8}")
_NOTHING = "Nothing was left behind."


def stage_new(target: Path, operations: Sequence[Operation], title: str) -> None:
    """Make a new project.

    It is written to `.NAME.mx-XXXXXXXX` beside its place, synced, and renamed. The folder is locked (flock) while
    its process lives; one without a living process is the leftover of a kill and is removed here, whatever its name.

    Args:
        target: the project's folder; it must not exist, or be empty.
        operations: every file, all of them "before" absent.
        title: what is run; for messages.

    Raises:
        Refused: something stands at the target.
        MxError: the system refused something; nothing was left behind.
    """
    top = os.path.abspath(target)
    parent, name = os.path.split(top)
    _check(top, operations)
    with deferred() as signals:
        remove_leftovers(parent)
        stage, lock = _open_stage(parent, name)
        placed = False
        try:
            _fill(stage, operations)
            if not signals.arrived:
                if os.path.isdir(top):
                    fs.current().chmod(stage, os.stat(top).st_mode & 0o7777)
                fs.current().replace(stage, top)
                placed = True
        except BaseException as error:
            remove_tree(stage)
            if isinstance(error, FileExistsError | NotADirectoryError) or (
                isinstance(error, OSError) and os.path.lexists(top) and not _empty(top)
            ):
                raise _in_the_way(top) from error
            if isinstance(error, OSError):
                raise fs.explain(error, "make", top, after=_NOTHING) from error
            raise
        finally:
            if lock is not None:
                os.close(lock)
        if placed:
            with fs.explained("sync", parent, after=f"{top} was made, but the disk may not keep it."):
                fs.current().sync_folder(parent)
            return
        remove_tree(stage)
    raise KeyboardInterrupt


def _check(top: str, operations: Sequence[Operation]) -> None:
    if os.path.lexists(top) and not _empty(top):
        raise _in_the_way(top)
    seen: set[str] = set()
    for operation in operations:
        resolve_inside(Path(top), operation.path)
        if operation.before.exists or operation.path in seen:
            raise MxError(f"The plan for the new project {top} changes {operation.path} twice.")
        data = operation.after_data
        if operation.after.exists and (
            data is None or State.of(data, operation.after.executable) != operation.after
        ):
            raise MxError(f"The plan's bytes for {operation.path} are missing or not the ones it promised.")
        seen.add(operation.path)


def _empty(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path) and not os.listdir(path)


def _in_the_way(top: str) -> Refused:
    return Refused(
        f"{top} exists already; nothing was written.",
        hint="Choose another name, or move it away and run again.",
    )


def _open_stage(parent: str, name: str) -> tuple[str, int | None]:
    """Make the folder and lock it, so that nobody takes it for a leftover."""
    if not os.path.isdir(parent):
        raise MxError(f"There is no folder {parent}.", hint="Make it first, then run again.")
    while True:
        stage = f"{parent}/.{name}.mx-{os.urandom(4).hex()}"
        try:
            fs.current().mkdir(stage)
            lock = _lock(stage)
        except (FileNotFoundError, BlockingIOError):
            continue  # another run took it for a leftover, between mkdir and lock
        except OSError as error:
            raise fs.explain(error, "make the folder", f"{parent}/{name}", after=_NOTHING) from error
        if lock is None or os.path.isdir(stage):
            return stage, lock
        os.close(lock)


def _lock(stage: str) -> int | None:
    """A descriptor that holds the folder's lock; None where there is no flock. BlockingIOError when another has it."""
    if fcntl is None:
        return None
    descriptor = os.open(stage, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP):
            return None
        raise
    return descriptor


def _fill(stage: str, operations: Sequence[Operation]) -> None:
    disk = fs.current()
    folders, files = {""}, []
    for operation in operations:
        if not operation.after.exists or operation.after_data is None:
            continue
        for folder in reversed([*parents(operation.path)]):
            if folder not in folders:
                disk.mkdir(f"{stage}/{folder}")
                folders.add(folder)
        path = f"{stage}/{operation.path}"
        disk.write_new(path, operation.after_data, 0o777 if operation.after.executable else 0o666)
        files.append(path)
    disk.sync_files(files)
    disk.sync_folders([f"{stage}/{folder}" if folder else stage for folder in sorted(folders)])


def remove_leftovers(parent: str) -> None:
    """Remove the stages of killed runs from a folder; those of living ones are locked."""
    with contextlib.suppress(OSError):  # not ours to read
        for entry in os.scandir(parent):
            if _LEFTOVER.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                _remove_leftover(entry.path)


def _remove_leftover(stage: str) -> None:
    with contextlib.suppress(OSError):
        lock = _lock(stage)
        if lock is not None:  # without flock nobody can tell whether its process lives
            remove_tree(stage)
            os.close(lock)


def remove_tree(path: str) -> None:
    """Remove a stage and what is in it, as far as the system lets us."""
    disk = fs.current()
    for at, folders, files in os.walk(path, topdown=False):
        for name in [*files, *(folder for folder in folders if os.path.islink(f"{at}/{folder}"))]:
            with contextlib.suppress(OSError):
                disk.unlink(f"{at}/{name}")
        with contextlib.suppress(OSError):
            disk.rmdir(at)
