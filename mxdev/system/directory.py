"""The folder in which mx works, where `mx -C DIR` makes it another one than the person stands in."""

from __future__ import annotations

import os
from pathlib import Path

_stands_in: Path | None = None


def go(folders: tuple[str, ...]) -> None:
    """Go into `folders` one after the other, each relative to the one before; an empty one changes nothing.

    Raises:
        OSError: there is no such folder, or it may not be entered; mx stays where it was.
    """
    global _stands_in
    before = _here()
    try:
        for folder in filter(None, folders):
            os.chdir(folder)
    except OSError:
        if before is not None:
            os.chdir(before)
        raise
    _stands_in = before


def come_back() -> None:
    """Go back to where the person stands, if that folder is still there."""
    global _stands_in
    before, _stands_in = _stands_in, None
    if before is not None and before.is_dir():
        os.chdir(before)


def of_person() -> Path:
    """The folder that the person stands in, from which the commands that mx suggests are run."""
    return _stands_in or Path.cwd()


def _here() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # it was deleted
        return None
