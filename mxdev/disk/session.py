"""Around every command: before one that writes the lock, and an interrupted run finished; before one that reads a word about it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from mxdev.errors import MxError, Refused
from mxdev.system import console


@contextlib.contextmanager
def writing(root: Path, title: str, *, dry_run: bool = False) -> Iterator[None]:
    """Hold the lock, after an interrupted run was finished. A dry run takes no lock and cannot finish one.

    Raises:
        Refused: another command holds the lock, or the interrupted run cannot be finished.
    """
    from mxdev.disk import recovery
    from mxdev.disk.locks import lock

    if dry_run:
        if waiting := interruption(root):
            raise Refused(
                f"{waiting} A plan would not be true now.",
                hint="Run `mx recover`, or any command that writes: it finishes the run first. While mx is at work, wait.",
            )
        yield
        return
    with lock.hold(root):
        result = recovery.recover(root)
        for line in result.report:
            console.err(line)
        if not result.ok:
            raise Refused(f"The interrupted run in {root} could not be finished, so {title} was not begun.")
        yield


def interruption(root: Path) -> str | None:
    """What a reader must know: that a run in `root` stopped half-way, or is at work now. None when all is whole. Writes nothing."""
    from mxdev.disk import journal
    from mxdev.disk.locks import lock

    if not os.path.lexists(root / journal.COMMITTED):  # without the mark nothing has changed
        return None
    if lock.held(root):
        return f"Another mx is at work in {root}: some files are as they were, and some are new already."
    try:
        title = journal.own(root, root / journal.COMMITTED).title
    except MxError as error:
        return f"A run in {root} was interrupted, and its journal cannot be used as it is. {error}\n`mx recover` is the way on."
    return (
        f"A run in {root} was interrupted (`{title}`): some files are as they were, and some are new already. "
        "`mx recover` finishes it."
    )


def tell(root: Path) -> bool:
    """Say on stderr that a run was interrupted, if one was: before anything that is read from its project."""
    waiting = interruption(root)
    if waiting:
        console.warn(waiting)
    return waiting is not None
