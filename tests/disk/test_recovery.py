"""`mx recover` and its messages, and journals that cannot be read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from disks import NEW, OLD, PLAN, KillingFS, WatchedFS, change, in_child, memory, project, snapshot

from mxdev.commands.recover import recover
from mxdev.disk import apply, fs, journal, recovery
from mxdev.disk.journal_format import Operation
from mxdev.errors import MxError


@pytest.fixture
def root() -> Iterator[Path]:
    with memory() as place, fs.use(WatchedFS()), project(place) as folder:
        yield folder


def kill(root: Path, number: int = 34) -> None:
    assert in_child(lambda: apply.apply(root, PLAN, title="mx generate X"), KillingFS(number))


def run(root: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    monkeypatch.chdir(root)
    result = CliRunner().invoke(recover, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


@pytest.mark.parametrize(("arguments", "end"), [((), NEW), (("--forward",), NEW), (("--back",), OLD)])
def test_the_command(
    root: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], end: object
) -> None:
    kill(root)
    code, output = run(root / "half", monkeypatch, *arguments)
    assert code == 0
    assert "mx generate X" in output
    assert snapshot(root) == end
    code, output = run(root, monkeypatch, *arguments)
    assert (code, output) == (0, "There is no interrupted run to recover.\n")


def test_the_command_meets_an_edit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill(root)
    (root / "edit.txt").write_bytes(b"mine\n")
    code, output = run(root, monkeypatch)
    assert code == 1
    assert "left alone  edit.txt" in output
    assert "mx recover --forward" in output
    assert run(root, monkeypatch)[0] == 0  # it is out of the way of the next command
    code, output = run(root, monkeypatch, "--forward")
    assert code == 1
    assert "edit.txt.mx-new" in output
    assert (root / "edit.txt").read_bytes() == b"mine\n"


def test_the_command_before_the_mark(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill(root, 4)
    code, output = run(root, monkeypatch)
    assert code == 0
    assert "changed nothing" in output
    assert snapshot(root) == OLD


def test_the_command_where_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MxError, match="in no project"):
        run(tmp_path, monkeypatch)
    assert [*tmp_path.iterdir()] == []


def test_pending_says_what_waits(root: Path) -> None:
    assert journal.pending(root) is None
    assert not journal.interrupted(root)
    kill(root)
    waiting = journal.pending(root)
    assert waiting is not None
    assert (waiting.title, waiting.committed, waiting.path) == (
        "mx generate X",
        True,
        root / journal.COMMITTED,
    )


@pytest.mark.parametrize("direction", [None, "forward", "back"])
@pytest.mark.parametrize("damage", ["cut", "newer", "empty"])
def test_a_journal_that_cannot_be_read_changes_nothing(
    root: Path, direction: str | None, damage: str
) -> None:
    kill(root)
    place = root / journal.COMMITTED
    data = place.read_bytes()
    place.write_bytes(
        {"cut": data[:-1], "newer": data.replace(b"mx-journal 1", b"mx-journal 9"), "empty": b""}[damage]
    )
    before = snapshot(root)
    with pytest.raises(MxError, match="newer mx" if damage == "newer" else "damaged") as caught:
        recovery.recover(root, direction)  # type: ignore[arg-type]
    assert caught.value.hint
    assert snapshot(root) == before


def test_a_target_that_leads_outside_is_left_alone_and_blocks_no_other(root: Path) -> None:
    kill(root)
    outside = root.parent / "outside"
    outside.mkdir()
    for path in (root / "new").rglob("*"):
        if path.is_file():
            path.unlink()
    (root / "new/deep").rmdir()
    (root / "new").rmdir()
    (root / "new").symlink_to("../outside")
    result = recovery.recover(root)
    assert not result.ok
    assert "  left alone  new/run (" in "\n".join(result.report)
    assert [*outside.iterdir()] == []
    assert not journal.interrupted(root)
    assert {path: what for path, what in snapshot(root).items() if path != "new"} == OLD


@pytest.mark.parametrize("direction", [None, "forward", "back"])
def test_a_link_to_a_file_outside_in_the_place_of_a_target(root: Path, direction: str | None) -> None:
    kill(root)
    theirs = root.parent / "theirs.txt"
    theirs.write_bytes(b"theirs\n")
    (root / "edit.txt").unlink()
    (root / "edit.txt").symlink_to("../theirs.txt")
    result = recovery.recover(root, direction)  # type: ignore[arg-type]
    assert not result.ok
    assert theirs.read_bytes() == b"theirs\n"
    assert (root / "edit.txt").is_symlink()
    assert not journal.interrupted(root)
    end = NEW if direction == "forward" else OLD
    beside = {path for path in snapshot(root) if path.startswith("edit.txt")}
    assert {path: what for path, what in snapshot(root).items() if path not in beside} == {
        path: what for path, what in end.items() if path != "edit.txt"
    }


def test_a_target_that_the_disk_refuses_blocks_no_other(root: Path) -> None:
    """The folder of one target lets nothing be made or removed; all others are put back, and the journal waits."""

    class Refusing(WatchedFS):
        def on(self, number: int, name: str, arguments: tuple[object, ...]) -> None:
            if name in ("replace", "unlink") and any(str(one).endswith("/edit.txt") for one in arguments):
                raise PermissionError(13, "Permission denied", arguments[0])

    assert in_child(lambda: apply.apply(root, PLAN, title="mx generate X"), KillingFS(40))
    with fs.use(Refusing()), pytest.raises(MxError, match="permission denied"):
        recovery.recover(root, "back")
    assert journal.interrupted(root)
    assert {
        path: what for path, what in snapshot(root).items() if path != "edit.txt" and "journal" not in path
    } == {path: what for path, what in OLD.items() if path != "edit.txt"}
    assert recovery.recover(root, "back").ok
    assert snapshot(root) == OLD


def test_what_a_person_made_private_after_the_kill_stays_private(root: Path) -> None:
    for direction, number in (("forward", 34), ("back", 40)):
        assert in_child(lambda: apply.apply(root, PLAN, title="t"), KillingFS(number))
        for name in ("edit.txt", "mx.yaml"):
            (root / name).chmod(0o600)
        assert recovery.recover(root, direction).ok  # type: ignore[arg-type]
        assert {(root / name).stat().st_mode & 0o777 for name in ("edit.txt", "mx.yaml")} == {0o600}
        if direction == "forward":
            apply.apply(root, [*map(_back, PLAN)], title="back")


def _back(step: Operation) -> Operation:
    data = (OLD.get(step.path) or ("", 0, None))[2]
    return Operation(step.path, step.after, step.before, data)


def test_recovery_needs_no_thread(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    kill(root)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with fs.use(fs.FileSystem()):
        assert recovery.recover(root).ok
        assert snapshot(root) == NEW
        apply.apply(root, [change(f"{n}.txt", None, b"x") for n in range(9)], title="t")


def test_a_save_that_was_taken_away_when_the_process_died_comes_back(root: Path) -> None:
    """Killed between the exchange of a file and the look at what came out: that is a person's save, and mx's bytes stand there."""

    class Dying(KillingFS):
        def on(self, number: int, name: str, arguments: tuple[object, ...]) -> None:
            if name == "replace" and str(arguments[1]).endswith("/edit.txt"):
                (root / "edit.txt").write_bytes(b"mine\n")
                fs.FileSystem().replace(*arguments)  # type: ignore[arg-type]
                super().on(self.at, name, arguments)

    assert in_child(lambda: apply.apply(root, PLAN, title="t"), Dying(1000))
    assert (root / "edit.txt").read_bytes() == b"second, and longer\n"
    assert not recovery.recover(root).ok
    assert (root / "edit.txt").read_bytes() == b"mine\n"
    assert sorted(path.name for path in (root / ".mx").iterdir()) == ["pristine", "undo"]


def test_an_edit_that_is_taken_away_again_lets_the_run_finish(root: Path) -> None:
    kill(root)
    (root / "edit.txt").write_bytes(b"mine\n")
    assert not recovery.recover(root).ok
    (root / "edit.txt").write_bytes(OLD["edit.txt"][2])
    (root / "edit.txt").chmod(0o640)
    assert recovery.recover(root, "forward").ok
    assert snapshot(root) == NEW
