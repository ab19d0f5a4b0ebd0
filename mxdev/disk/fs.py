"""The only place that writes, renames, syncs and deletes.

Every change of a disk is one call of a primitive of `FileSystem`; `current()` is the one in use. Tests put
another in its place with `use`: one that records, one that fails at the n-th operation, one that kills itself there.
Reading is not here, except for `look`, which says what stands at one path.
"""

# Strings and os functions on purpose: this is part of a 20 ms budget.
# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from mxdev.errors import MxError

try:
    import fcntl
except ImportError:  # a system without flock, and without F_FULLFSYNC
    fcntl = None  # type: ignore[assignment]

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_SYNC_THREADS = 8


class FileSystem:
    """The primitives. Paths are absolute strings; all raise OSError as the system gives it."""

    def write_new(self, path: str, data: bytes, mode: int = 0o666) -> None:
        """Create a file that must not exist yet, and write it; not synced. `mode` is cut by the umask."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW, mode)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)

    def sync_file(self, path: str) -> None:
        """Bring a file's bytes and permission bits to the disk."""
        self._sync(path)

    def sync_files(self, paths: Sequence[str]) -> None:
        """Sync many files."""
        self.together(self.sync_file, paths)

    def sync_folders(self, paths: Sequence[str]) -> None:
        """Sync many folders."""
        self.together(self.sync_folder, paths)

    def together(self, sync: Callable[[str], None], paths: Sequence[str]) -> None:
        """Call `sync` for each path, side by side; the first error is raised when all have stopped.

        A file system commits the syncs that wait at the same time together: 85 files take 10 ms instead of 170 on
        ext4, and each of them is as durable.
        """
        if len(paths) < 3:
            for path in paths:
                sync(path)
            return
        import threading

        waiting = list(reversed(paths))
        failed: list[BaseException] = []

        def work() -> None:
            while not failed:
                try:
                    path = waiting.pop()
                except IndexError:
                    return
                try:
                    sync(path)
                except BaseException as error:
                    failed.append(error)

        threads = [threading.Thread(target=work) for _ in range(min(_SYNC_THREADS, len(paths)) - 1)]
        for thread in threads:
            thread.start()
        work()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]

    def sync_folder(self, path: str) -> None:
        """Bring a folder's entries (what was made, renamed and removed in it) to the disk."""
        try:
            self._sync(path)
        except OSError as error:
            # Some network file systems cannot sync a folder and say so; there is nothing more to be had there.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise

    def _sync(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            full = getattr(fcntl, "F_FULLFSYNC", None)
            if full is not None:  # macOS: fsync alone stops at the drive's cache
                with contextlib.suppress(OSError):
                    fcntl.fcntl(descriptor, full)
                    return
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, source: str, target: str) -> None:
        """Rename a file over another, or a folder to a free name or over an empty folder, in one step."""
        os.rename(source, target)

    def unlink(self, path: str) -> None:
        """Remove a file."""
        os.unlink(path)

    def mkdir(self, path: str, mode: int = 0o777) -> None:
        """Make one folder. `mode` is cut by the umask."""
        os.mkdir(path, mode)

    def rmdir(self, path: str) -> None:
        """Remove an empty folder; one that holds something raises OSError."""
        os.rmdir(path)

    def chmod(self, path: str, mode: int) -> None:
        """Set the permission bits of a file or folder."""
        os.chmod(path, mode)

    def chown(self, path: str, user: int, group: int) -> None:
        """Give a file to a user and a group."""
        os.chown(path, user, group, follow_symlinks=False)

    def open_lock(self, path: str) -> int:
        """Open or create a lock file; gives a descriptor for reading and writing."""
        return os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o666)

    def note(self, descriptor: int, data: bytes) -> None:
        """Make `data` the whole content of an open lock file; not synced."""
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, data, 0)


_current = FileSystem()


def current() -> FileSystem:
    """The file system that is written to."""
    return _current


@contextlib.contextmanager
def use(other: FileSystem) -> Iterator[FileSystem]:
    """Write through `other` inside the `with` block; for tests."""
    global _current
    before, _current = _current, other
    try:
        yield other
    finally:
        _current = before


class Seen(NamedTuple):
    """What stands at one path.

    Attributes:
        kind: "absent", "file", or what it is instead, in words ("a folder", "a symbolic link").
        data: the bytes of a file.
        sha256: their hash, in hexadecimal.
        mode: the permission bits.
        owner: user and group id.
        mark: changes when the file is written or replaced; to notice that, without reading it again.
    """

    kind: str
    data: bytes = b""
    sha256: str | None = None
    mode: int = 0
    owner: tuple[int, int] = (-1, -1)
    mark: tuple[int, ...] = ()


ABSENT = Seen("absent")
_WORDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


def mark(path: str) -> tuple[int, ...]:
    """The `Seen.mark` of a path now; () when nothing is there."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return _mark(found)


def _mark(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_mode, found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def look(path: str) -> Seen:
    """Read what stands at `path`, links not followed. Raises OSError when it may not be read."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    if not stat.S_ISREG(found.st_mode):
        kind = next((words for test, words in _WORDS if test(found.st_mode)), "a device")
        return Seen(kind, mark=_mark(found))
    descriptor = os.open(path, os.O_RDONLY | NO_FOLLOW)
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        data = stream.read()
    return Seen(
        "file",
        data,
        hashlib.sha256(data).hexdigest(),
        stat.S_IMODE(found.st_mode),
        (found.st_uid, found.st_gid),
        _mark(found),
    )


_REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space and run the command again."),
    errno.EDQUOT: ("your disk quota is used up", "Free some space and run the command again."),
    errno.EACCES: (
        "permission denied",
        "Make it writable for your user (`ls -ld` shows who owns it) and run again.",
    ),
    errno.EPERM: (
        "the system does not permit it",
        "See who owns it and whether it is protected (`ls -ld`, `lsattr`).",
    ),
    errno.EROFS: ("the file system is read-only", "Mount it writable, or work in another folder."),
    errno.EIO: (
        "the disk reported an error",
        "Look at the disk's health (`dmesg`) before you go on; copy what matters.",
    ),
    errno.EMFILE: ("too many files are open", "Raise the limit (`ulimit -n 1024`) and run again."),
    errno.ENOTDIR: ("a file stands where a folder must be", "Move that file away and run again."),
    errno.EISDIR: ("a folder stands where a file must be", "Move that folder away and run again."),
    errno.ENAMETOOLONG: (
        "the name is too long for this file system",
        "Use a shorter name or a shorter path.",
    ),
    errno.EBUSY: ("it is in use by the system, perhaps a mount", "Unmount it or choose another place."),
}


def explain(error: OSError, doing: str, path: str | os.PathLike[str], *, after: str = "") -> MxError:
    """An OSError as text for a person.

    Args:
        error: what the system said.
        doing: what mx was doing, as in "write" or "make the folder".
        path: the path to name.
        after: what has become of the project, one sentence.
    """
    reason, hint = _REASONS.get(
        error.errno or 0, (error.strerror or str(error), "Correct this and run again.")
    )
    return MxError(f"Cannot {doing} {os.fspath(path)}: {reason}.{' ' + after if after else ''}", hint=hint)


@contextlib.contextmanager
def explained(doing: str, path: str | os.PathLike[str], *, after: str = "") -> Iterator[None]:
    """An OSError inside the `with` block becomes the MxError of `explain`."""
    try:
        yield
    except OSError as error:
        raise explain(error, doing, path, after=after) from error
