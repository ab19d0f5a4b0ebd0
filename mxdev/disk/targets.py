"""Brings the targets of a journal to one side of it: all to "after", or all back to "before".

Both ways are the same work, in an order that lets a full disk show itself before anything is lost: new bytes into
temporary files, synced; then removals, emptied folders, renames; then every folder that changed is synced. What is replaced or
removed is renamed first and looked at again, so that what a person saves in the last moment is seen, and put back.
"""

# Strings and os functions on purpose: this is part of a 20 ms budget.
# ruff: noqa: PTH100, PTH112, PTH116

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from mxdev.disk import fs
from mxdev.disk.journal import FOLDER
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
        self.kept: list[str] = []
        """Where bytes of a person lie that were saved while mx was at work, if it is not their own place."""
        self._beside: set[str] = set()
        self._taken: list[tuple[Entry, fs.Seen]] = []
        self._tolerant = False
        self._failed: dict[str, MxError | OSError] = {}

    def absolute(self, path: str) -> str:
        """The absolute path of a target or folder; "" is the root."""
        return f"{self.root}/{path}" if path else self.root

    def look(self, seen: dict[str, fs.Seen] | None = None) -> None:
        """Look at every target (or take what was seen just now). One that cannot be reached or read is somebody else's."""
        if seen is not None:
            self.seen = seen
            return
        for entry in self.journal.entries:
            folder = _folder(entry.path)
            try:
                if folder:
                    resolve_inside(Path(self.root), folder)
                self.seen[entry.path] = fs.look(self.absolute(entry.path))
            except (OSError, MxError):
                self.seen[entry.path] = fs.Seen("out of reach")

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
        """The temporary file of an entry, absolute: with the journal, where Git does not look, if that is on the same file system."""
        return self._places(entry)[entry.path in self._beside]

    def _places(self, entry: Entry) -> tuple[str, str]:
        """Where the temporary file of an entry may be: with the journal; beside its target, or beside the file that must become its folder."""
        beside = entry.path
        for folder in parents(entry.path):
            if folder in self._paths:
                beside = folder
        number = self._index[entry.path]
        folder, name = _folder(beside), f".mx-{self.journal.id}-{number}"
        return (
            self.absolute(f"{FOLDER}/{self.journal.id}-{number}"),
            self.absolute(f"{folder}/{name}" if folder else name),
        )

    def remove_temporaries(self) -> None:
        """Remove what a killed run left of its temporary files. What a person saved while it was at work goes back to its place."""
        for entry in self.journal.entries:
            for temporary in self._places(entry):
                with contextlib.suppress(NotADirectoryError):
                    self._remove_temporary(entry, temporary)

    def _remove_temporary(self, entry: Entry, temporary: str) -> None:
        with fs.explained("read", temporary):
            found = fs.look(temporary)
        if found.kind != "file":
            return
        ours = (self.journal.blobs.get(state.sha256 or "", b"") for state in (entry.before, entry.after))
        if any(data.startswith(found.data) for data in ours):  # the last one may be half written
            with fs.explained("remove", temporary):
                fs.current().unlink(temporary)
            return
        try:
            self._give_back(entry, temporary)
        except OSError:
            self.kept.append(temporary)  # it stays where it is: nobody can tell what stands in its place

    def _give_back(self, entry: Entry, taken: str) -> None:
        """Bytes of a person, which were taken away with what mx replaced or removed, go back to their place or beside it."""
        target = self.absolute(entry.path)
        there = fs.look(target)
        if there.kind == "absent" or (there.sha256 is not None and there.sha256 == entry.after.sha256):
            fs.current().replace(taken, target, fs.SWAPPING if there.kind == "file" else fs.AS_NEW)
            if there.kind == "file":
                with contextlib.suppress(FileNotFoundError):
                    fs.current().unlink(taken)
        else:
            self.kept.append(self._keep_beside(entry, taken))

    def _keep_beside(self, entry: Entry, taken: str) -> str:
        number = 1
        while True:
            path = f"{entry.path}.mx-old{'' if number == 1 else f'-{number}'}"
            try:
                fs.current().replace(taken, self.absolute(path), fs.AS_NEW)
            except FileExistsError:
                number += 1
            else:
                return path

    def converge(self, goal: Side, *, tolerant: bool = False) -> None:
        """Move every target that stands on the other side to `goal`; foreign ones stay as they are.

        Args:
            goal: the side.
            tolerant: a target that cannot be moved stops none of the others; the first error is raised at the end.

        Raises:
            ChangedError: a target changed since it was looked at.
            MxError: the system refused an operation. What was done so far stays done.
        """
        self._tolerant, self._failed, self._taken = tolerant, {}, []
        moved = [entry for entry in self.journal.entries if self.side(entry) not in (goal, None)]
        wanted = {
            entry.path: entry.after if goal == "after" else entry.before for entry in self.journal.entries
        }
        writes = [entry for entry in moved if wanted[entry.path].exists and entry.kind != "chmod"]
        removals = [entry for entry in moved if not wanted[entry.path].exists]
        late = [entry for entry in writes if any(folder in self._paths for folder in parents(entry.path))]

        for entry in writes:
            with self._attempt(entry):
                if entry not in late:
                    self._make_folders(entry.path, goal)
                self._write_temporary(entry, wanted[entry.path], goal)
        with fs.explained("write", self.root):
            fs.current().sync_files([self.temporary(entry) for entry in self._left(writes)])

        for entry in removals:
            with self._attempt(entry):
                self._take_away(entry)
        for entry in self.journal.entries:
            if entry.kind == "chmod" and self.side(entry) is not None:
                with self._attempt(entry):
                    self._set_mode(entry, wanted[entry.path], goal, change=entry in moved)
        self._remove_taken(self._beside)  # they would keep their folders
        self._remove_folders(goal, wanted)
        for entry in self._left(late):
            with self._attempt(entry):
                self._make_folders(entry.path, goal)
        for entry in self._left(writes):
            with self._attempt(entry):
                self._put(entry, wanted[entry.path], goal)
        self._remove_taken()
        self._sync_folders(goal)
        for error in self._failed.values():
            raise error

    @contextlib.contextmanager
    def _attempt(self, entry: Entry) -> Iterator[None]:
        """Around what is done to one target."""
        try:
            yield
        except (MxError, OSError) as error:
            if not self._tolerant:
                raise
            self._failed[entry.path] = error

    def _left(self, entries: Iterable[Entry]) -> list[Entry]:
        return [entry for entry in entries if entry.path not in self._failed]

    def _take_away(self, entry: Entry) -> None:
        """Remove a target: it is renamed first, so that what was saved in the last moment is seen and put back."""
        seen, target = self.seen[entry.path], self.absolute(entry.path)
        if seen.kind != "file":
            with self._checked(entry, "remove"):
                return
        with self._checked(entry, "remove"):
            self._rename(entry, lambda temporary: fs.current().replace(target, temporary, fs.AS_NEW))
            temporary = self.temporary(entry)
            taken = fs.look(temporary)
            if not taken.same(seen):
                self._give_back(entry, temporary)
                raise _changed(entry)
            self._taken.append((entry, taken))

    def _put(self, entry: Entry, want: State, goal: Side) -> None:
        """Bring a temporary file to its place; it changes places with what stood there, which must be what was looked at."""
        seen, target = self.seen[entry.path], self.absolute(entry.path)
        how = fs.SWAPPING if seen.kind == "file" else fs.AS_NEW
        with self._checked(entry, "write"):
            try:
                self._rename(
                    entry,
                    lambda temporary: fs.current().replace(temporary, target, how),
                    lambda: self._write_beside(entry, want, goal),
                )
            except (FileExistsError, FileNotFoundError) as error:
                if os.path.lexists(self.temporary(entry)):
                    raise _changed(entry) from error
                raise
            if how == fs.AS_NEW:
                return
            temporary = self.temporary(entry)
            taken = fs.look(temporary)
            if taken.kind == "absent":  # a system in which two files cannot change places
                return
            if not taken.same(seen):
                self._swap_back(entry, temporary, target)
                raise _changed(entry)
            self._taken.append((entry, taken))

    def _swap_back(self, entry: Entry, temporary: str, target: str) -> None:
        """What a person saved in the last moment stands at its place again; a second save meanwhile is kept beside it."""
        fs.current().replace(temporary, target, fs.SWAPPING)
        new = fs.look(temporary)
        if new.kind == "file" and new.sha256 not in (entry.before.sha256, entry.after.sha256):
            fs.current().replace(temporary, target, fs.SWAPPING)
            self.kept.append(self._keep_beside(entry, temporary))

    def _rename(
        self, entry: Entry, rename: Callable[[str], None], again: Callable[[], None] = lambda: None
    ) -> None:
        """Call `rename` with the temporary's path; beside the target, where the journal is on another file system."""
        try:
            rename(self.temporary(entry))
        except OSError as error:
            if error.errno != errno.EXDEV or entry.path in self._beside:
                raise
            with contextlib.suppress(FileNotFoundError):
                fs.current().unlink(self.temporary(entry))
            self._beside.add(entry.path)
            again()
            rename(self.temporary(entry))

    def _write_beside(self, entry: Entry, want: State, goal: Side) -> None:
        self._write_temporary(entry, want, goal)
        fs.current().sync_file(self.temporary(entry))

    def _remove_taken(self, only: Container[str] | None = None) -> None:
        """What stood there before goes; its bytes are in the journal. What somebody wrote into it since stays, beside its place."""
        taken_now = [one for one in self._taken if only is None or one[0].path in only]
        self._taken = [one for one in self._taken if one not in taken_now]
        for entry, taken in taken_now:
            temporary = self.temporary(entry)
            with self._attempt(entry), fs.explained("remove", temporary):
                now = fs.mark(temporary)
                if now == taken.mark:
                    fs.current().unlink(temporary)
                elif now:
                    self.kept.append(self._keep_beside(entry, temporary))

    @contextlib.contextmanager
    def _checked(self, entry: Entry, doing: str) -> Iterator[None]:
        """Around one change of one target: it must still be what was seen."""
        path, seen = self.absolute(entry.path), self.seen[entry.path]
        if seen.kind != "a folder" and fs.mark(path) != seen.mark:
            raise _changed(entry)
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
        seen = self.seen[entry.path]
        known = seen.kind == "file"
        mode = self._bits(entry, want, goal)
        owner = seen.owner if known else entry.owner
        attributes = seen.attributes if known else entry.attributes
        with fs.explained("write", self.absolute(entry.path)):
            data = self.journal.blobs[want.sha256]
            if mode is None:
                disk.write_new(temporary, data, 0o777 if want.executable else 0o666)
                return
            # Until it has the owner and the lists of its target, only mx may read it.
            same = owner in (_me(), (-1, -1)) and not attributes
            disk.write_new(temporary, data, mode if same else 0o600)
            _dress(temporary, mode, owner, attributes)

    def _bits(self, entry: Entry, want: State, goal: Side) -> int | None:
        """The permission bits that a target gets: those that it has now, but for the executable bit; None: as the umask has it."""
        seen = self.seen[entry.path]
        if seen.kind != "file":
            return None if entry.mode is None else with_execute(entry.mode, want.executable)
        made = None if entry.mode is None else with_execute(entry.mode, entry.after.executable)
        if goal == "before" and seen.mode == made:
            return entry.mode
        return with_execute(seen.mode, want.executable)

    def _set_mode(self, entry: Entry, want: State, goal: Side, *, change: bool) -> None:
        path = self.absolute(entry.path)
        if change:
            with self._checked(entry, "set the permissions of"):
                mode = self._bits(entry, want, goal)
                assert mode is not None
                fs.current().chmod(path, mode)
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
        # That of the journal too: a temporary file must not be there again when the journal is gone.
        changed = {_folder(entry.path) for entry in self.journal.entries if entry.kind != "chmod"} | {FOLDER}
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


def _changed(entry: Entry) -> ChangedError:
    return ChangedError(f"{entry.path} was changed by something else while mx was at work.")


def _me() -> tuple[int, int]:
    return (os.geteuid(), os.getegid()) if hasattr(os, "geteuid") else (-1, -1)


def _dress(path: str, mode: int, owner: tuple[int, int], attributes: Mapping[str, bytes]) -> None:
    """Give a temporary file the owner, the extended attributes and the permission bits that its target has, never looser ones."""
    disk = fs.current()
    found = os.lstat(path)
    if owner not in ((found.st_uid, found.st_gid), (-1, -1)):
        try:
            disk.chown(path, *owner)
        except PermissionError:  # only root may give files away
            mode &= ~0o6000
            try:
                if owner[1] != found.st_gid:
                    disk.chown(path, -1, owner[1])
            except PermissionError:  # nor to a group that one is not in: it gets what all get
                mode = mode & ~0o070 | (mode & 0o007) << 3
    if attributes:
        disk.set_attributes(path, attributes)
    if stat.S_IMODE(os.lstat(path).st_mode) != mode:
        disk.chmod(path, mode)


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
