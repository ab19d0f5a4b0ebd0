"""Where the journal and the undo lie, and how they come and go."""

# Strings and os functions on purpose: this is part of a 20 ms budget.
# ruff: noqa: PTH100, PTH112, PTH208

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mxdev.disk import fs, seal
from mxdev.disk.journal_format import Journal, decode
from mxdev.errors import MxError
from mxdev.system.files import plain

FOLDER = ".mx/journal"
PREPARED = ".mx/journal/prepared"
COMMITTED = ".mx/journal/committed"
SET_ASIDE = ".mx/undo/set-aside-"
UNDO = ".mx/undo/last"
EARLIER = ".mx/undo/earlier-"
"""Runs before the last one, numbered: the higher the later."""
MOST_RUNS = 50
MOST_BYTES = 256 * 1024 * 1024
"""How much is kept of runs before the last one."""


class Pending(NamedTuple):
    """A run that was interrupted.

    Attributes:
        title: what was run; "" when it had not been committed.
        committed: whether the commit mark was written; without it nothing in the project changed.
        path: the journal's file.
    """

    title: str
    committed: bool
    path: Path


def interrupted(root: Path) -> bool:
    """Whether an interrupted journal stands in `root` (two lstat, no reading)."""
    return os.path.lexists(f"{root}/{COMMITTED}") or os.path.lexists(f"{root}/{PREPARED}")


def pending(root: Path) -> Pending | None:
    """The interrupted run of a project, or None. Writes nothing."""
    committed = root / COMMITTED
    if committed.is_file():
        return Pending(read(committed).title, True, committed)
    prepared = root / PREPARED
    return Pending("", False, prepared) if os.path.lexists(prepared) else None


def read(path: Path) -> Journal:
    """Read a journal or an undo. Raises MxError when it is damaged or from a newer mx."""
    try:
        return decode(plain.read(path), str(path))
    except OSError as error:
        raise fs.explain(error, "read", path) from error


class NotOurs(MxError):
    """A journal that this user did not write in this checkout."""


def own(root: Path, path: Path, *, trust: bool = False) -> Journal:
    """Read a journal or an undo that is to be carried out: only one that this user wrote in this checkout.

    Args:
        root: the project's folder.
        path: the journal's file.
        trust: carry it out whoever wrote it, since a person says so. Its paths are checked all the same.

    Raises:
        NotOurs: it came with the project, or nobody can tell.
        MxError: it is damaged, or from a newer mx.
    """
    journal = read(path)
    if trust or (journal.sealed is not None and seal.fits(os.path.abspath(root), *journal.sealed)):
        return journal
    raise NotOurs(
        f"{path} is not a journal of yours in this checkout: it came with the project (a clone, an archive, a copy) or from "
        "another user, so mx does not carry it out. Nothing was changed.",
        hint=f"If you do not know it, delete it: `rm {shlex.quote(str(path))}`. If it is yours (you copied or restored the "
        "project, or mx had no key when it wrote it), add --trust to `mx recover` or `mx undo`.",
    )


def keeps(journal: Journal) -> bool:
    """Whether a journal becomes the undo: the run changed something and may be taken back."""
    return journal.undoable and bool(journal.entries)


def history(root: Path) -> list[Path]:
    """The runs that can be taken back, the last one first."""
    last = root / UNDO
    return [*([last] if last.is_file() else []), *(path for _, path in sorted(_earlier(root), reverse=True))]


def _earlier(root: Path) -> list[tuple[int, Path]]:
    folder, _, begin = EARLIER.rpartition("/")
    try:
        names = os.listdir(root / folder)
    except OSError:
        return []
    numbers = ((name.removeprefix(begin), name) for name in names if name.startswith(begin))
    return [(int(number), root / folder / name) for number, name in numbers if number.isdecimal()]


def discard(
    root: Path, made: Sequence[str] = (".mx", ".mx/undo", FOLDER), *, committed: bool = False
) -> None:
    """Remove a journal before any target changed, and the folders that were made for it.

    As far as the system lets us: what is left without a commit mark goes with the next run.

    Args:
        root: the project's folder.
        made: folders to remove if they are empty.
        committed: remove it also with its mark, which was set but is not sure to be on the disk.
    """
    disk = fs.current()
    for name in (PREPARED, *([COMMITTED] if committed else [])):
        with contextlib.suppress(OSError):
            disk.unlink(f"{root}/{name}")
    with contextlib.suppress(OSError):
        disk.sync_folder(f"{root}/{FOLDER}")
    for folder in reversed(made):
        with contextlib.suppress(OSError):  # it holds something
            disk.rmdir(f"{root}/{folder}")


def retire(root: Path, journal: Journal) -> None:
    """The targets are on the disk: the journal becomes the undo, or goes."""
    disk = fs.current()
    with fs.explained("retire the journal", root / COMMITTED):
        if keeps(journal):
            make_undo_folder(root)
            if os.path.lexists(f"{root}/{UNDO}"):
                number = max((number for number, _ in _earlier(root)), default=0) + 1
                disk.replace(f"{root}/{UNDO}", f"{root}/{EARLIER}{number:06d}")
                disk.sync_folder(
                    f"{root}/.mx/undo"
                )  # it must have its new name before another takes the old one
            disk.replace(f"{root}/{COMMITTED}", f"{root}/{UNDO}")
            disk.sync_folder(f"{root}/.mx/undo")
        else:
            disk.unlink(f"{root}/{COMMITTED}")
        disk.sync_folder(f"{root}/{FOLDER}")
    with contextlib.suppress(OSError):  # it holds something
        disk.rmdir(f"{root}/{FOLDER}")
    _forget_oldest(root)


def _forget_oldest(root: Path) -> None:
    """Keep the history bounded. A run that cannot be removed now is removed another time."""
    size = 0
    for count, path in enumerate(history(root)[1:], 1):
        with contextlib.suppress(OSError):
            size += path.stat().st_size
            if count >= MOST_RUNS or size > MOST_BYTES:
                fs.current().unlink(str(path))


def make_undo_folder(root: Path) -> None:
    """Make `.mx/undo/`, durably, if it is not there."""
    if not os.path.isdir(f"{root}/.mx/undo"):
        fs.current().mkdir(f"{root}/.mx/undo")
        fs.current().sync_folder(f"{root}/.mx")
