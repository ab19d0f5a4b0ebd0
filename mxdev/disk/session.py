"""Around every command that writes: the lock, and an interrupted run finished first."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from mxdev.errors import Refused
from mxdev.system import console


@contextlib.contextmanager
def writing(root: Path, title: str, *, dry_run: bool = False) -> Iterator[None]:
    """Hold the lock, after an interrupted run was finished. A dry run takes no lock and cannot finish one.

    Raises:
        Refused: another command holds the lock, or the interrupted run cannot be finished.
    """
    from mxdev.disk import journal, lock, recovery

    if dry_run:
        if journal.pending(root) is not None:
            raise Refused(
                f"A run in {root} was interrupted, so a plan would not be true.",
                hint="Finish it first: any command that writes does, or `mx recover`.",
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
