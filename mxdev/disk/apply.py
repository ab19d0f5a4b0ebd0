"""Applies a plan so that the project is the old one or the new one, whole, whatever happens.

All new bytes, and all bytes that will be replaced, go into one file, `.mx/journal/prepared`. When it is on the
disk it is renamed to `.mx/journal/committed`: that rename is the commit mark. Then the targets change. When they
are on the disk too, the journal is retired to `.mx/undo/last`. `mxdev.disk.recovery` finishes or takes back what a
killed run left.
"""

# Strings and os functions on purpose: this is part of a 20 ms budget.
# ruff: noqa: PTH100, PTH112

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from mxdev.disk import fs, seal
from mxdev.disk.journal import COMMITTED, FOLDER, PREPARED, discard, keeps, retire
from mxdev.disk.journal_format import Entry, Journal, Operation, State
from mxdev.disk.paths import refuse_own, resolve_inside
from mxdev.disk.targets import Targets, folders_above, parents, state_of
from mxdev.errors import MxError, Refused
from mxdev.system import console
from mxdev.system.signals import deferred


def apply(
    root: Path,
    operations: Sequence[Operation],
    *,
    title: str,
    undoable: bool = True,
    undoes: Sequence[str] = (),
) -> None:
    """Change the targets of a plan, all or none.

    The caller holds the lock. ^C, SIGTERM and SIGHUP that arrive while this works take effect when it is done.

    Args:
        root: the project's folder.
        operations: one for each target; those that change nothing are left out.
        title: what is run, for the messages of a recovery and of undo.
        undoable: keep the journal as the undo.
        undoes: the ids of the journals that this takes back.

    Raises:
        Refused: a target is not in its "before" state; nothing was written.
        MxError: the system refused something; the project is as it was, or the message says that it is not.
    """
    wanted = [operation for operation in operations if operation.kind != "nothing"]
    if not wanted:
        return
    resolve_inside(root, COMMITTED)
    if os.path.lexists(root / COMMITTED):
        raise Refused(f"An interrupted run waits in {root}.", hint="Run `mx recover` first.")
    with fs.beneath(os.path.abspath(root)):
        _apply(root, _prepare(root, wanted, title, undoable, undoes))


def _apply(root: Path, targets: Targets) -> None:
    with deferred() as signals:
        made: list[str] = []
        committed = False
        try:
            _write_down(targets, made, keep=keeps(targets.journal))
            if not signals.arrived:
                _commit(targets.root)
                committed = True  # from here on a signal waits until all is done
        except BaseException as error:
            discard(root, made, committed=True)
            if isinstance(error, OSError):
                where = f"{targets.root}/{PREPARED}"
                raise fs.explain(
                    error, "write", where, after="Nothing in the project was changed."
                ) from error
            raise
        if committed:
            _finish(targets)
            return
        discard(root, made)
    raise KeyboardInterrupt  # for a handler that only took note


def _finish(targets: Targets) -> None:
    root = Path(targets.root)
    try:
        targets.converge("after")
        for place in targets.kept:
            console.warn(f"What was saved into a file while mx replaced it is kept as {place}.")
        retire(root, targets.journal)
    except BaseException as error:
        from mxdev.disk import recovery

        result = recovery.roll_back(root, targets.journal, error)
        if result is error:
            raise
        raise result from error


def _prepare(
    root: Path, operations: Sequence[Operation], title: str, undoable: bool, undoes: Sequence[str]
) -> Targets:
    """Look at every target, refuse what is not as planned, and put the journal together."""
    top = os.path.abspath(root)
    paths = {operation.path for operation in operations}
    above = {folder for path in paths for folder in parents(path)}
    going = {operation.path for operation in operations if not operation.after.exists}
    seen: dict[str, fs.Seen] = {}
    entries: list[Entry] = []
    blobs: dict[str, bytes] = {}
    for operation in operations:
        path = operation.path
        if path in seen:
            raise MxError(f"The plan names {path} twice.")
        resolve_inside(root, path)
        refuse_own(path)
        with fs.explained("read", f"{top}/{path}", after="Nothing was changed."):
            found = seen[path] = fs.look(f"{top}/{path}")
        _verify(operation, found, passing=path in above and _only(f"{top}/{path}", path, going))
        was, made = operation.before, operation.after
        mode = found.mode if was.exists else operation.mode
        attributes = found.attributes if was.exists else operation.attributes or {}
        entries.append(Entry(path, was, made, mode, found.owner, attributes))
        if operation.kind == "chmod":
            continue
        if operation.before.sha256 is not None:
            blobs[operation.before.sha256] = found.data
        if operation.after.sha256 is not None:
            blobs[operation.after.sha256] = _new_bytes(operation)
    folders = folders_above(top, paths)
    for folder, mode in folders.items():
        if mode is None and folder not in going and fs.mark(f"{top}/{folder}"):
            raise Refused(
                f"{folder} is a file, but the plan needs a folder there; nothing was written.",
                hint=f"Move {folder} away, then run again.",
            )
    journal = Journal(
        os.urandom(4).hex(), title, undoable, tuple(entries), folders, blobs, int(time.time()), tuple(undoes)
    )
    targets = Targets(root, journal)
    targets.look(seen)
    return targets


def _new_bytes(operation: Operation) -> bytes:
    data = operation.after_data
    if data is None or State.of(data, operation.after.executable) != operation.after:
        raise MxError(f"The plan's bytes for {operation.path} are missing or not the ones it promised.")
    return data


def _verify(operation: Operation, found: fs.Seen, *, passing: bool) -> None:
    state = state_of(found, passing=passing)
    if state == operation.before:
        return
    if state is None:
        said = f"{operation.path} is {found.kind}, where mx expected {'a file' if operation.before.exists else 'nothing'}"
        hint = f"Move {operation.path} away (or replace the link by the file itself), then run again."
    else:
        said = f"{operation.path} changed after the plan was made"
        hint = "Run the command again: it plans from what is there now."
    raise Refused(f"{said}; nothing was written.", hint=hint)


def _only(folder: str, path: str, going: set[str]) -> bool:
    """Whether everything in a folder is removed by the plan (then a file may take its place)."""
    for at, _, names in os.walk(folder):
        inside = path + at[len(folder) :]
        if any(f"{inside}/{name}" not in going for name in names):
            return False
    return True


def _write_down(targets: Targets, made: list[str], *, keep: bool) -> None:
    disk, top = fs.current(), targets.root
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        disk.unlink(f"{top}/{PREPARED}")  # of a run that was killed before its commit mark
    for folder in (".mx", FOLDER, *([".mx/undo"] if keep else [])):
        if not os.path.isdir(f"{top}/{folder}"):
            disk.mkdir(f"{top}/{folder}")
            made.append(folder)
    # Nobody else's eyes: it has the bytes of files that may be private.
    disk.write_new(f"{top}/{PREPARED}", _sealed(targets), 0o600)
    disk.sync_file(f"{top}/{PREPARED}")
    disk.sync_folders([f"{top}/.mx"] * bool(made) + [top] * (".mx" in made))


def _sealed(targets: Targets) -> bytes:
    """The journal's bytes, sealed; without a key they are not, and a person is told what that means."""
    try:
        return targets.journal.encode(lambda digest: seal.seal(targets.root, digest))
    except seal.NoKey as why:
        console.warn(
            f"{why}. mx marks with it what you run here; without it, `mx recover` after a crash and `mx undo` need --trust."
        )
        return targets.journal.encode()


def _commit(top: str) -> None:
    disk = fs.current()
    disk.replace(f"{top}/{PREPARED}", f"{top}/{COMMITTED}")
    disk.sync_folder(f"{top}/{FOLDER}")
