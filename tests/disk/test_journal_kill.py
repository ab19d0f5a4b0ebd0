"""kill -9 at every operation, with a real process: after recovery the project is the old or the new one, whole."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import (
    NEW,
    OLD,
    PLAN,
    KillingFS,
    RecordingFS,
    Tree,
    WatchedFS,
    build,
    change,
    in_child,
    memory,
    project,
    snapshot,
)

from mxdev.disk import apply as applying
from mxdev.disk import fs, journal, new_project, recovery
from mxdev.errors import MxError


@pytest.fixture
def place() -> Iterator[Path]:
    with memory() as folder, fs.use(WatchedFS()):
        yield folder


def apply(root: Path) -> None:
    applying.apply(root, PLAN, title="t")


def operations(place: Path) -> int:
    with project(place) as root:
        disk = RecordingFS()
        with fs.use(disk):
            apply(root)
        return disk.count


def kill_at(root: Path, number: int) -> None:
    assert in_child(lambda: apply(root), KillingFS(number)) == signal.SIGKILL


def committed(root: Path) -> bool:
    waiting = journal.pending(root)
    return waiting is not None and waiting.committed


def test_killed_at_every_operation(place: Path) -> None:
    total, ends = operations(place), []
    for number in range(total):
        with project(place) as root:
            kill_at(root, number)
            marked = committed(root)
            if not marked:
                # Before the mark nothing changed, and after the retirement all has.
                assert snapshot_without_journal(root) in (OLD, NEW), number
            result = recovery.recover(root)
            assert result.ok
            assert snapshot(root) in (OLD, NEW), number
            if marked:
                assert snapshot(root) == NEW, number
            assert not journal.interrupted(root)
            assert recovery.recover(root).report == ()
            ends.append(snapshot(root) == NEW)
    assert ends == sorted(ends)  # old until the commit mark, new from then on
    assert 3 < sum(ends) < total


def snapshot_without_journal(root: Path) -> Tree:
    return {path: what for path, what in snapshot(root).items() if not path.startswith(".mx/journal")}


@pytest.mark.parametrize("direction", ["forward", "back"])
def test_the_direction_can_be_forced_after_every_kill(place: Path, direction: str) -> None:
    for number in range(0, operations(place), 2):
        with project(place) as root:
            kill_at(root, number)
            marked = committed(root)
            before = snapshot_without_journal(root)
            result = recovery.recover(root, direction)  # type: ignore[arg-type]
            assert result.ok
            assert snapshot(root) == (before if not marked else NEW if direction == "forward" else OLD), (
                number
            )


@pytest.mark.parametrize("direction", [None, "forward", "back"])
@pytest.mark.parametrize("first", [8, 24, 40])
def test_killed_again_at_every_operation_of_the_recovery(
    place: Path, first: int, direction: str | None
) -> None:
    number = 0
    while True:
        with project(place) as root:
            kill_at(root, first)
            ended = in_child(lambda root=root: recovery.recover(root, direction), KillingFS(number))  # type: ignore[misc]
            if ended is None:
                break
            assert recovery.recover(root).ok
            assert snapshot(root) in (OLD, NEW), number
        number += 1
    assert number > 5


EDITED = {
    "rewritten": lambda path: path.write_bytes(b"mine\n"),
    "deleted": lambda path: path.unlink(missing_ok=True),
    "a link": lambda path: (path.unlink(missing_ok=True), path.symlink_to("theirs.txt")),
    "made a folder": lambda path: (path.unlink(missing_ok=True), path.mkdir()),
}


@pytest.mark.parametrize("how", EDITED)
@pytest.mark.parametrize("number", [20, 34, 41])
@pytest.mark.parametrize("path", ["edit.txt", "tool.sh", "mx.yaml"])
def test_what_a_person_did_between_kill_and_recovery_stays(
    place: Path, how: str, number: int, path: str
) -> None:
    with project(place) as root:
        kill_at(root, number)
        assert committed(root)
        EDITED[how](root / path)
        theirs = look(root / path)
        result = recovery.recover(root)
        assert not result.ok
        assert path in "\n".join(result.report)
        assert look(root / path) == theirs
        assert rest(snapshot(root), path) == rest(OLD, path)
        assert not journal.interrupted(root)

        # Nothing that mx wanted to write is lost, and it still does not go over the person's.
        result = recovery.recover(root, "forward")
        assert not result.ok
        assert look(root / path) == theirs
        assert (root / f"{path}.mx-new").read_bytes() == NEW[path][2]
        (root / f"{path}.mx-new").unlink()
        assert rest(snapshot(root), path) == rest(NEW, path)


@pytest.mark.parametrize("number", [20, 34, 41])
def test_taking_back_over_an_edit_keeps_what_was_there_before(place: Path, number: int) -> None:
    with project(place) as root:
        kill_at(root, number)
        (root / "edit.txt").write_bytes(b"mine\n")
        result = recovery.recover(root, "back")
        assert not result.ok
        assert (root / "edit.txt").read_bytes() == b"mine\n"
        assert (root / "edit.txt.mx-old").read_bytes() == OLD["edit.txt"][2]
        (root / "edit.txt.mx-old").unlink()
        assert rest(snapshot(root), "edit.txt") == rest(OLD, "edit.txt")


def test_the_copy_beside_an_edit_overwrites_nothing(place: Path) -> None:
    with project(place) as root:
        kill_at(root, 34)
        (root / "edit.txt").write_bytes(b"mine\n")
        (root / "edit.txt.mx-new").write_bytes(b"mine too\n")
        recovery.recover(root, "forward")
        assert (root / "edit.txt.mx-new").read_bytes() == b"mine too\n"
        assert (root / "edit.txt.mx-new-2").read_bytes() == NEW["edit.txt"][2]


def test_a_folder_that_a_person_put_something_into_stays(place: Path) -> None:
    for number, folder in ((44, "new/deep"), (20, "dir/in")):
        with project(place) as root:
            kill_at(root, number)
            (root / folder / "mine.txt").write_bytes(b"mine\n")
            recovery.recover(root, "back" if folder == "new/deep" else "forward")
            assert (root / folder / "mine.txt").read_bytes() == b"mine\n"


def rest(tree: Tree, path: str) -> Tree:
    return {name: what for name, what in tree.items() if name != path}


def look(path: Path) -> tuple[object, ...] | None:
    if path.is_symlink():
        return ("link", str(path.readlink()))
    return ("folder",) if path.is_dir() else ("file", path.read_bytes()) if path.exists() else None


def test_a_killed_stage_is_removed_by_the_next_run(place: Path) -> None:
    plan = [change("mx.yaml", None, b"version: 1\n"), change("a/b", None, b"b\n", False, True)]
    number, left = 0, 0
    while True:
        parent = place / f"parent{number}"
        parent.mkdir()
        target = parent / "new"
        ended = in_child(lambda target=target: new_project.stage_new(target, plan, "t"), KillingFS(number))  # type: ignore[misc]
        names = {path.name for path in parent.iterdir()}
        if target.exists():
            assert names == {"new"}
            assert (target / "a/b").read_bytes() == b"b\n"
        else:
            left += bool(names)
            new_project.stage_new(parent / "other", plan, "t")
            assert {path.name for path in parent.iterdir()} == {"other"}
        if ended is None:
            break
        number += 1
    assert left > 5


def test_a_living_stage_is_left_alone(place: Path) -> None:
    plan = [change("mx.yaml", None, b"version: 1\n")]
    inner: list[str] = []

    class Meanwhile(WatchedFS):
        def on(self, number: int, name: str, arguments: tuple[object, ...]) -> None:
            if name == "replace" and not inner:
                inner.append("")
                assert (
                    in_child(lambda: new_project.stage_new(place / "second", plan, "t"), WatchedFS()) is None
                )

    with fs.use(Meanwhile()):
        new_project.stage_new(place / "first", plan, "t")
    assert inner
    assert sorted(path.name for path in place.iterdir()) == ["first", "second"]


def test_the_loser_of_two_that_make_the_same_project_says_so(place: Path) -> None:
    plan = [change("mx.yaml", None, b"version: 1\n")]

    class Meanwhile(WatchedFS):
        def on(self, number: int, name: str, arguments: tuple[object, ...]) -> None:
            if name == "replace" and not (place / "new").exists():
                build(place / "new", {"theirs": ("file", 0o644, b"theirs\n")})

    with fs.use(Meanwhile()), pytest.raises(MxError, match="exists already"):
        new_project.stage_new(place / "new", plan, "t")
    assert [path.relative_to(place).as_posix() for path in sorted(place.rglob("*"))] == ["new", "new/theirs"]
    shutil.rmtree(place / "new")
