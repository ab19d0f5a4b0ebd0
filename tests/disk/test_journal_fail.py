"""A disk that refuses one operation, or all from one on: an error with text, and the project old or new, whole."""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from disks import (
    NEW,
    OLD,
    PLAN,
    FailingFS,
    KillingFS,
    RecordingFS,
    WatchedFS,
    change,
    in_child,
    memory,
    project,
    snapshot,
)

from mxdev.disk import apply, fs, journal, new_project, recovery
from mxdev.errors import MxError

WORDS = {errno.ENOSPC: "disk is full", errno.EACCES: "permission denied", errno.EIO: "disk reported an error"}
STAGED = [
    change("mx.yaml", None, b"version: 1\n"),
    change("a/b", None, b"b\n"),
    change("run", None, b"#!\n", False, True),
]


@pytest.fixture
def place() -> Iterator[Path]:
    with memory() as folder, fs.use(WatchedFS()):
        yield folder


def attempt(work: Callable[[], object]) -> MxError | None:
    try:
        work()
    except MxError as error:
        return error
    return None


@pytest.mark.parametrize("number", WORDS)
def test_one_refused_operation(place: Path, number: int) -> None:
    at, refused = 0, []
    while True:
        with project(place) as root:
            disk = FailingFS(at, number)
            with fs.use(disk):
                error = attempt(lambda root=root: apply.apply(root, PLAN, title="t"))  # type: ignore[misc]
            if error:
                refused.append(at)
                assert WORDS[number] in error.message
                assert str(root) in error.message
                assert error.hint
            as_new = error is None or "All changes were made" in error.message
            assert snapshot(root) == (NEW if as_new else OLD), (at, disk.failed)
            if not disk.failed:
                break
            assert not journal.interrupted(root)
        at += 1
    assert len(refused) > 40


@pytest.mark.parametrize("number", WORDS)
@pytest.mark.parametrize(
    "broken",
    [("write_new", "mkdir", "chmod"), ("replace",), ("unlink", "rmdir"), ("sync_file", "sync_folder")],
)
def test_taking_back_fails_too(place: Path, number: int, broken: tuple[str, ...]) -> None:
    at, half = 0, 0
    while True:
        with project(place) as root:
            disk = FailingFS(at, number, broken)
            with fs.use(disk):
                error = attempt(lambda root=root: apply.apply(root, PLAN, title="t"))  # type: ignore[misc]
            if error:
                assert WORDS[number] in error.message
            if error and "half changed" in error.message:
                half += 1
                assert "mx recover" in (error.hint or "")
                assert journal.pending(root)
            if not disk.failed:
                break
            # The disk is well again.
            assert recovery.recover(root).ok
            assert snapshot(root) in (OLD, NEW), (at, disk.failed)
            assert not journal.interrupted(root)
        at += 1
    assert half > 0


def test_a_disk_that_is_full_also_for_the_recovery(place: Path) -> None:
    with project(place) as root:
        with fs.use(FailingFS(33, errno.EIO, ("write_new",))), pytest.raises(MxError, match="half changed"):
            apply.apply(root, PLAN, title="t")
        refusing = FailingFS(0, errno.ENOSPC, ("write_new", "unlink", "replace", "mkdir"))
        with fs.use(refusing), pytest.raises(MxError, match="disk is full"):
            recovery.recover(root)
        assert recovery.recover(root, "back").ok
        assert snapshot(root) == OLD


def test_a_recovery_that_fails_takes_back_and_keeps_the_new_bytes(place: Path) -> None:
    at, kept = 0, 0
    while True:
        with project(place) as root:
            assert in_child(lambda root=root: apply.apply(root, PLAN, title="t"), KillingFS(34))  # type: ignore[misc]
            disk = FailingFS(at, errno.ENOSPC)
            with fs.use(disk):
                error = attempt(lambda root=root: recovery.recover(root))  # type: ignore[misc]
            if error and not journal.interrupted(root) and "may not keep" not in error.message:
                kept += 1
                assert error.code == 1
                assert snapshot(root) == OLD
                assert recovery.recover(root, "forward").ok
            elif error:
                recovery.recover(root)
            assert snapshot(root) == NEW, at
            if not disk.failed:
                break
        at += 1
    assert kept > 10


@pytest.mark.parametrize("number", WORDS)
def test_a_new_project_that_cannot_be_written_leaves_nothing(place: Path, number: int) -> None:
    at = 0
    while True:
        disk = FailingFS(at, number)
        with fs.use(disk):
            error = attempt(lambda: new_project.stage_new(place / "new", STAGED, "t"))
        if error:
            assert WORDS[number] in error.message
            assert error.hint
            if "was made" not in error.message:
                assert [*place.iterdir()] == [], (at, disk.failed)
        if not disk.failed:
            break
        at += 1
        for path in sorted(place.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    assert at > 10
    assert (place / "new/a/b").read_bytes() == b"b\n"


class InterruptedFS(RecordingFS):
    """^C arrives at the operation number `at`, and again at each one after it."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at, self.hits = at, 0

    def on(self, number: int, name: str, arguments: tuple[object, ...]) -> None:
        if number >= self.at:
            self.hits += 1
            signal.raise_signal(signal.SIGINT)


def test_interrupts_at_every_operation_finish_or_change_nothing(place: Path) -> None:
    at, ends = 0, []
    while True:
        with project(place) as root:
            disk = InterruptedFS(at)
            handler = signal.getsignal(signal.SIGINT)
            interrupted = False
            with fs.use(disk):
                try:
                    apply.apply(root, PLAN, title="t")
                except KeyboardInterrupt:
                    interrupted = True
            assert interrupted == bool(disk.hits), at
            assert signal.getsignal(signal.SIGINT) is handler
            assert snapshot(root) in (OLD, NEW), at
            assert not journal.interrupted(root)
            ends.append(snapshot(root) == NEW)
            if not disk.hits:
                break
        at += 1
    assert ends == sorted(ends)
    assert True in ends
    assert False in ends


def test_interrupts_while_a_new_project_is_made(place: Path) -> None:
    for at in range(20):
        disk = InterruptedFS(at)
        with fs.use(disk):
            try:
                new_project.stage_new(place / f"new{at}", STAGED, "t")
            except KeyboardInterrupt:
                assert not (place / f"new{at}").exists() or disk.log[-1][0] == "sync_folder"
    assert all(path.name.startswith("new") for path in place.iterdir())


def test_an_exception_that_is_no_error_takes_back_and_goes_on(place: Path) -> None:
    """Where signals cannot be held back (in another thread), KeyboardInterrupt comes as an exception."""

    class Raising(WatchedFS):
        def on(self, number: int, name: str, arguments: tuple[object, ...]) -> None:
            if number == 33:
                raise KeyboardInterrupt

    with project(place) as root:
        with fs.use(Raising()), pytest.raises(KeyboardInterrupt):
            apply.apply(root, PLAN, title="t")
        assert snapshot(root) == OLD
        assert not journal.interrupted(root)
