"""Brings the targets of a journal to one side of it: all to "after", or all back to "before".

Both ways are the same work, in an order that lets a full disk show itself before anything is lost: new bytes into
temporary files beside their targets, synced; then removals, emptied folders, renames; then every folder that changed is synced.
"""

# Strings and os functions on purpose: this is part of a 20 ms budget.
# ruff: noqa: PTH100, PTH112, PTH116

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from mxdev.disk import fs
from mxdev.disk.journal_format import Entry, Journal, State
from mxdev.disk.paths import resolve_inside
from mxdev.errors import MxError

Side = Literal["before", "after"]
EXECUTE = 0o100
# rmdir: it holds something, is gone already, is a link to a folder, or is a mount or somebody's working folder.
_STAYS = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EBUSY)


class ChangedError(MxError):
    """Somebody else changed a target while mx was at work."""


def parents(path: str) -> Iterator[str]:
    """The folders above a path, nearest first, without the root."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def state_of(seen: fs.Seen, *, passing: bool = False) -> State | None:
    """What was seen as a State; None when it is neither absent nor a file.

    Args:
        seen: what stands there.
        passing: a folder counts as absent, since it goes (or comes) with what the journal has in it.
    """
    if seen.kind == "file":
        return State(seen.sha256, bool(seen.mode & EXECUTE))
    return State(None) if seen.kind == "absent" or (passing and seen.kind == "a folder") else None


class Targets:
    """The targets of one journal below one root, as they were seen at one moment."""

    def __init__(self, root: Path, journal: Journal) -> None:
        self.journal = journal
        self.root = os.path.abspath(root)
        self.seen: dict[str, fs.Seen] = {}
        self._paths = {entry.path for entry in journal.entries}
        self._above = {folder for path in self._paths for folder in parents(path)}
        self._index = {entry.path: number for number, entry in enumerate(journal.entries)}

    def absolute(self, path: str) -> str:
        """The absolute path of a target or folder; "" is the root."""
        return f"{self.root}/{path}" if path else self.root

    def look(self, seen: dict[str, fs.Seen] | None = None) -> None:
        """Look at every target (or take what was seen just now)."""
        if seen is not None:
            self.seen = seen
            return
        for entry in self.journal.entries:
            resolve_inside(Path(self.root), entry.path)
            path = self.absolute(entry.path)
            with fs.explained("read", path):
                self.seen[entry.path] = fs.look(path)

    def side(self, entry: Entry) -> Side | None:
        """On which side a target stands; None when something else is there."""
        state = state_of(self.seen[entry.path], passing=entry.path in self._above)
        if state == entry.before:
            return "before"
        return "after" if state == entry.after else None

    def foreign(self) -> list[Entry]:
        """The targets that are neither "before" nor "after"."""
        return [entry for entry in self.journal.entries if self.side(entry) is None]

    def temporary(self, entry: Entry) -> str:
        """The temporary file of an entry, absolute: beside its target, or beside the file that must become its folder."""
        beside = entry.path
        for folder in parents(entry.path):
            if folder in self._paths:
                beside = folder
        name = f".mx-{self.journal.id}-{self._index[entry.path]}"
        folder = _folder(beside)
        return self.absolute(f"{folder}/{name}" if folder else name)

    def remove_temporaries(self) -> None:
        """Remove what a killed run left beside the targets."""
        for entry in self.journal.entries:
            temporary = self.temporary(entry)
            with (
                fs.explained("remove", temporary),
                contextlib.suppress(FileNotFoundError, NotADirectoryError),
            ):
                fs.current().unlink(temporary)

    def converge(self, goal: Side) -> None:
        """Move every target that stands on the other side to `goal`; foreign ones stay as they are.

        Raises:
            ChangedError: a target changed since it was looked at.
            MxError: the system refused an operation. What was done so far stays done.
        """
        disk = fs.current()
        moved = [entry for entry in self.journal.entries if self.side(entry) not in (goal, None)]
        wanted = {
            entry.path: entry.after if goal == "after" else entry.before for entry in self.journal.entries
        }
        writes = [entry for entry in moved if wanted[entry.path].exists and entry.kind != "chmod"]
        removals = [entry for entry in moved if not wanted[entry.path].exists]
        late = [entry for entry in writes if any(folder in self._paths for folder in parents(entry.path))]

        for entry in writes:
            if entry not in late:
                self._make_folders(entry.path, goal)
            self._write_temporary(entry, wanted[entry.path], goal)
        temporaries = [self.temporary(entry) for entry in writes]
        with fs.explained("write", self.root):
            disk.sync_files(temporaries)

        for entry in removals:
            with self._checked(entry, "remove"):
                if self.seen[entry.path].kind == "file":
                    disk.unlink(self.absolute(entry.path))
        for entry in self.journal.entries:
            if entry.kind == "chmod" and self.side(entry) is not None:
                self._set_mode(entry, wanted[entry.path], goal, change=entry in moved)
        self._remove_folders(goal, wanted)
        for entry in late:
            self._make_folders(entry.path, goal)
        for entry, temporary in zip(writes, temporaries, strict=True):
            with self._checked(entry, "write"):
                disk.replace(temporary, self.absolute(entry.path))
        self._sync_folders(goal)

    @contextlib.contextmanager
    def _checked(self, entry: Entry, doing: str) -> Iterator[None]:
        """Around one change of one target: it must still be what was seen."""
        path, seen = self.absolute(entry.path), self.seen[entry.path]
        if seen.kind != "a folder" and fs.mark(path) != seen.mark:
            raise ChangedError(f"{entry.path} was changed by something else while mx was at work.")
        with fs.explained(doing, path):
            yield

    def _make_folders(self, path: str, goal: Side) -> None:
        missing = []
        for folder in parents(path):
            if os.path.isdir(self.absolute(folder)):
                break
            missing.append(folder)
        for folder in reversed(missing):
            with fs.explained("make the folder", self.absolute(folder)):
                fs.current().mkdir(self.absolute(folder))
                mode = self.journal.folders.get(folder)
                if goal == "before" and mode is not None:
                    fs.current().chmod(self.absolute(folder), mode)

    def _write_temporary(self, entry: Entry, want: State, goal: Side) -> None:
        disk, temporary = fs.current(), self.temporary(entry)
        assert want.sha256 is not None
        with fs.explained("write", self.absolute(entry.path)):
            mode = 0o777 if want.executable else 0o666
            if entry.mode is not None:
                mode = entry.mode if goal == "before" else with_execute(entry.mode, want.executable)
            disk.write_new(temporary, self.journal.blobs[want.sha256], mode)
            if entry.mode is not None:
                _dress(temporary, mode, entry.owner)

    def _set_mode(self, entry: Entry, want: State, goal: Side, *, change: bool) -> None:
        path = self.absolute(entry.path)
        if change:
            assert entry.mode is not None
            with self._checked(entry, "set the permissions of"):
                mode = self.seen[entry.path].mode
                fs.current().chmod(
                    path, entry.mode if goal == "before" else with_execute(mode, want.executable)
                )
        with fs.explained("write", path):
            fs.current().sync_file(path)

    def _remove_folders(self, goal: Side, wanted: dict[str, State]) -> None:
        """Remove folders that this journal emptied or made; rmdir itself refuses the ones that hold something."""
        needed = {folder for path, want in wanted.items() if want.exists for folder in parents(path)}
        gone = {folder for path, want in wanted.items() if not want.exists for folder in parents(path)}
        if goal == "before":
            gone &= {folder for folder, mode in self.journal.folders.items() if mode is None}
        for folder in sorted(gone - needed, key=lambda name: -name.count("/")):
            with fs.explained("remove the folder", self.absolute(folder)):
                try:
                    fs.current().rmdir(self.absolute(folder))
                except OSError as error:
                    if error.errno not in _STAYS:
                        raise

    def _sync_folders(self, goal: Side) -> None:
        changed = {_folder(entry.path) for entry in self.journal.entries if entry.kind != "chmod"}
        changed |= {_folder(folder) for folder in self.journal.folders if self._fresh(folder)}
        if goal == "before":  # folders that were removed and are made again
            removed = (entry.path for entry in self.journal.entries if not entry.after.exists)
            for folder in {folder for path in removed for folder in parents(path)}:
                changed |= {folder, _folder(folder)}
        there = [path for path in map(self.absolute, sorted(changed)) if os.path.isdir(path)]
        with fs.explained("write", self.root):
            fs.current().sync_folders(there)

    def _fresh(self, folder: str) -> bool:
        return self.journal.folders[folder] is None or not os.path.isdir(self.absolute(folder))


def _dress(path: str, mode: int, owner: tuple[int, int]) -> None:
    """Give a temporary file the permission bits and the owner that its target has."""
    found = os.lstat(path)
    if owner not in ((found.st_uid, found.st_gid), (-1, -1)):
        with contextlib.suppress(PermissionError):  # only root may give files away
            fs.current().chown(path, *owner)
    if stat.S_IMODE(found.st_mode) != mode:
        fs.current().chmod(path, mode)


def with_execute(mode: int, executable: bool) -> int:
    """Permission bits with the executable bit set for whoever may read, or cleared for all."""
    if bool(mode & EXECUTE) == executable:
        return mode
    return mode | EXECUTE | ((mode & 0o444) >> 2) if executable else mode & ~0o111


def folders_above(root: str, paths: Iterable[str]) -> dict[str, int | None]:
    """Each folder above the paths -> its permission bits, or None where there is none."""
    found: dict[str, int | None] = {}
    for path in paths:
        for folder in parents(path):
            if folder in found:
                break
            try:
                mode = os.stat(f"{root}/{folder}").st_mode
                found[folder] = stat.S_IMODE(mode) if stat.S_ISDIR(mode) else None
            except (FileNotFoundError, NotADirectoryError):
                found[folder] = None
    return found


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
