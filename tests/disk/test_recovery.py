"""`mx recover` and its messages, and journals that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from disks import NEW, OLD, PLAN, KillingFS, WatchedFS, in_child, memory, project, snapshot

from mxdev.commands.recover import recover
from mxdev.disk import apply, fs, journal, recovery
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


def test_a_journal_that_points_outside_is_refused(root: Path) -> None:
    kill(root)
    outside = root.parent / "outside"
    outside.mkdir()
    for path in (root / "new").rglob("*"):
        if path.is_file():
            path.unlink()
    (root / "new/deep").rmdir()
    (root / "new").rmdir()
    (root / "new").symlink_to("../outside")
    with pytest.raises(MxError, match="symbolic link"):
        recovery.recover(root)
    assert [*outside.iterdir()] == []


def test_an_edit_that_is_taken_away_again_lets_the_run_finish(root: Path) -> None:
    kill(root)
    (root / "edit.txt").write_bytes(b"mine\n")
    assert not recovery.recover(root).ok
    (root / "edit.txt").write_bytes(OLD["edit.txt"][2])
    (root / "edit.txt").chmod(0o640)
    assert recovery.recover(root, "forward").ok
    assert snapshot(root) == NEW
