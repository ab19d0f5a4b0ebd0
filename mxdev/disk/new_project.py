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

from mxdev.disk import fs, stages
from mxdev.disk.journal_format import Operation, State
from mxdev.disk.paths import resolve_inside
from mxdev.disk.targets import parents
from mxdev.errors import MxError, Refused
from mxdev.system import console
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
    its process lives; one without a living process is the leftover of a kill. It is removed by the next run beside it, if all
    in it is what was written there: a list of that lies in the user's state folder.

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
        stage, lock = _open_stage(parent, name, operations, title)
        placed = False
        try:
            _fill(stage, operations)
            if not signals.arrived:
                if os.path.isdir(top):
                    fs.current().chmod(stage, os.stat(top).st_mode & 0o7777)
                fs.current().replace(stage, top)
                placed = True
        except BaseException as error:
            if isinstance(error, FileExistsError | NotADirectoryError) or (
                isinstance(error, OSError) and os.path.lexists(top) and not _empty(top)
            ):
                raise _in_the_way(top) from error
            if isinstance(error, OSError):
                raise fs.explain(error, "make", top, after=_NOTHING) from error
            raise
        finally:
            if not placed:
                _remove(stage, lock, operations)
            os.close(lock)
            stages.forget(stage)
        if placed:
            with fs.explained("sync", parent, after=f"{top} was made, but the disk may not keep it."):
                fs.current().sync_folder(parent)
            return
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


def _open_stage(parent: str, name: str, operations: Sequence[Operation], title: str) -> tuple[str, int]:
    """Make the folder and lock it, so that nobody takes it for a leftover; its path, and the descriptor that holds the lock."""
    if not os.path.isdir(parent):
        raise MxError(f"There is no folder {parent}.", hint="Make it first, then run again.")
    while True:
        stage = f"{parent}/.{name}.mx-{os.urandom(4).hex()}"
        stages.note(stage, operations, title)
        try:
            fs.current().mkdir(stage)
            descriptor, _ = _lock(stage)
        except (FileNotFoundError, BlockingIOError):
            continue  # another run took it for a leftover, between mkdir and lock
        except OSError as error:
            stages.forget(stage)
            raise fs.explain(error, "make the folder", f"{parent}/{name}", after=_NOTHING) from error
        if os.path.isdir(stage):
            return stage, descriptor
        os.close(descriptor)


def _lock(stage: str) -> tuple[int, bool]:
    """A descriptor of the folder, and whether it holds the folder's lock. BlockingIOError when another has it."""
    descriptor = os.open(stage, os.O_RDONLY | fs.NO_FOLLOW | getattr(os, "O_DIRECTORY", 0))
    if fcntl is None:
        return descriptor, False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP):
            return descriptor, False
        os.close(descriptor)
        raise
    return descriptor, True


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
    """Remove the stages of killed runs from a folder; those of living ones are locked, and those with something of a person are named."""
    with contextlib.suppress(OSError):  # not ours to read
        for entry in os.scandir(parent):
            if _LEFTOVER.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                _remove_leftover(entry.path)


def _remove_leftover(stage: str) -> None:
    with contextlib.suppress(OSError):
        descriptor, locked = _lock(stage)
        try:
            # Without flock nobody can tell whether its process lives.
            if not locked:
                return
            if _remove(stage, descriptor, stages.noted(stage)):
                stages.forget(stage)
            else:
                console.warn(
                    f"{stage} was left by a run that was killed, and mx cannot tell that all in it is its own, so it stays. "
                    "Take out what is yours, then delete it."
                )
        finally:
            os.close(descriptor)


def _remove(stage: str, descriptor: int, operations: Sequence[Operation]) -> bool:
    """Remove a stage if everything in it is what these operations write, or a part of it; whether it is gone.

    Everything is reached from the open folder, through no link: another cannot put a folder of his choice in its place.
    """
    wanted = {operation.path: operation.after_data or b"" for operation in operations}
    known = {folder for path in wanted for folder in parents(path)}
    files, folders = [], []
    with fs.beneath(stage, descriptor):
        for at, below, names, _ in os.fwalk(".", dir_fd=descriptor):
            prefix = at.removeprefix(".").removeprefix("/") + "/" * (at != ".")
            folders += [prefix + name for name in below]
            files += [prefix + name for name in names]
        if not known.issuperset(folders) or not all(
            _ours(f"{stage}/{path}", wanted.get(path)) for path in files
        ):
            return False
        disk = fs.current()
        for path in files:
            with contextlib.suppress(OSError):
                disk.unlink(f"{stage}/{path}")
        for path in sorted(folders, key=lambda path: -path.count("/")):
            with contextlib.suppress(OSError):
                disk.rmdir(f"{stage}/{path}")
    with contextlib.suppress(OSError):
        fs.current().rmdir(stage)
    return not os.path.isdir(stage)


def _ours(path: str, wanted: bytes | None) -> bool:
    """Whether a file has the bytes that mx writes there; the last one may be half written."""
    if wanted is None:
        return False
    found = fs.look(path)
    return found.kind == "file" and wanted.startswith(found.data)
