"""What was written into the stage of a new project: noted in the user's state folder, for whoever clears up after a kill."""

# Strings and os functions on purpose: this is part of a 20 ms budget.
# ruff: noqa: PTH103, PTH119

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence

from mxdev.disk import fs
from mxdev.disk.journal_format import Entry, Journal, Operation, decode
from mxdev.errors import MxError
from mxdev.system.user_dirs import state_folder


def _place(stage: str) -> str:
    return f"{state_folder()}/stages/{os.path.basename(stage)[-8:]}"


def note(stage: str, operations: Sequence[Operation], title: str) -> None:
    """Note what will be in a stage. Where that cannot be written, what a kill leaves of the stage is left to the person."""
    path = _place(stage)
    written = [one for one in operations if one.after.exists and one.after_data is not None]
    entries = tuple(Entry(one.path, one.before, one.after, None, (-1, -1)) for one in written)
    blobs = {one.after.sha256 or "": one.after_data or b"" for one in written}
    journal = Journal(path[-8:], title, False, entries, {}, blobs, int(time.time()))
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)  # noqa: PTH120
        # Not through `current()`: it is not part of the project, and need not last longer than the process.
        fs.FileSystem().write_new(path, journal.encode(), 0o600)


def noted(stage: str) -> list[Operation]:
    """What was to be written into a stage; nothing where no note can be read."""
    try:
        found = fs.look(_place(stage))
        journal = decode(found.data, stage)
    except (OSError, MxError):
        return []
    return [
        Operation(entry.path, entry.before, entry.after, journal.blobs[entry.after.sha256 or ""])
        for entry in journal.entries
    ]


def forget(stage: str) -> None:
    """The stage is gone."""
    with contextlib.suppress(OSError):
        fs.FileSystem().unlink(_place(stage))
