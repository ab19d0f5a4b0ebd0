"""Only what this user did in this checkout is carried out; a journal that came with a project is named and left alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from disks import NEW, OLD, PLAN, KillingFS, WatchedFS, change, in_child, memory, project, snapshot

from mxdev.commands import recover as recovering
from mxdev.commands import undo as undoing
from mxdev.disk import apply, fs, journal, paths, recovery, seal
from mxdev.disk.journal_format import ABSENT, Entry, Journal, State
from mxdev.errors import MxError

OURS = [".git/hooks/pre-commit", ".GIT/config", "sub/.git/config", "git~1/config", ".git./x", ".g\u200cit/x", ".git::$INDEX/x",
        ".mx/journal/committed", ".mx/undo/last", ".MX/lock", ".mx/lock", ".mx"]  # fmt: skip


@pytest.fixture
def root() -> Iterator[Path]:
    with memory() as place, fs.use(WatchedFS()), project(place) as folder:
        yield folder


def write(path: str, data: bytes = b"#!/bin/sh\n") -> Journal:
    """A journal that creates a file, as a stranger writes one."""
    return Journal("0badc0de", "mx update", True, (Entry(path, ABSENT, State.of(data, True), None, (0, 0)),), {},
                   {State.of(data).sha256 or "": data}, 0)  # fmt: skip


def lay(root: Path, name: str, data: bytes) -> Path:
    place = root / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


def killed(root: Path) -> None:
    assert in_child(lambda: apply.apply(root, PLAN, title="mx generate X"), KillingFS(34))


PLACES = [journal.COMMITTED, f"{journal.SET_ASIDE}0badc0de"]


@pytest.mark.parametrize(
    ("name", "direction"),
    [(PLACES[0], None), *((name, direction) for name in PLACES for direction in ("forward", "back"))],
)
@pytest.mark.parametrize("sealed", ["without", "by another"])
def test_a_journal_that_came_with_a_project_is_not_carried_out(
    root: Path, name: str, direction: str | None, sealed: str
) -> None:
    data = write("run.sh").encode(None if sealed == "without" else lambda digest: "0" * 64)
    place = lay(root, name, data)
    before = snapshot(root, hidden=True)
    with pytest.raises(journal.NotOurs, match="came with the project") as caught:
        recovery.recover(root, direction)  # type: ignore[arg-type]
    assert str(place) in (caught.value.hint or "")
    assert "--trust" in (caught.value.hint or "")
    assert snapshot(root, hidden=True) == before
    assert recovery.recover(root, direction or "forward", trust=True).ok  # type: ignore[arg-type]
    assert (root / "run.sh").exists() == (direction != "back")


def test_an_undo_that_came_with_a_project_is_not_carried_out(root: Path) -> None:
    lay(root, journal.UNDO, write("theirs.txt").encode())
    with pytest.raises(journal.NotOurs):
        undoing.plan(root, merge=True)


@pytest.mark.parametrize("path", OURS)
@pytest.mark.parametrize("name", [*PLACES, journal.UNDO])
def test_no_path_of_git_or_mx_is_a_target_whoever_wrote_it(root: Path, path: str, name: str) -> None:
    (root / ".mx").mkdir(exist_ok=True)
    place = lay(root, name, write(path).encode(lambda digest: seal.seal(str(root), digest)))
    before = snapshot(root, hidden=True)
    carry_out: Callable[[], object] = lambda: recovery.recover(root, "forward", trust=True)  # noqa: E731
    if name == journal.UNDO:
        carry_out = lambda: undoing.plan(root, merge=True, trust=True)  # noqa: E731
    with pytest.raises(MxError, match=r"own, and no plan|Git's own|mx's own") as caught:
        carry_out()
    assert str(place) in f"{caught.value}"
    assert snapshot(root, hidden=True) == before


@pytest.mark.parametrize("path", OURS)
def test_no_plan_writes_there_either(root: Path, path: str) -> None:
    before = snapshot(root, hidden=True)
    with pytest.raises(MxError, match="own"):
        apply.apply(root, [change(path, None, b"x")], title="t")
    assert snapshot(root, hidden=True) == before


def test_a_link_inside_the_project_does_not_lead_there(root: Path) -> None:
    (root / ".git/hooks").mkdir(parents=True)
    (root / "link").symlink_to(".git/hooks")
    (root / "state").symlink_to(".mx")
    for path in ("link/pre-commit", "state/journal/committed"):
        with pytest.raises(MxError, match="own"):
            apply.apply(root, [change(path, None, b"x")], title="t")


def test_names_that_only_look_like_it_are_anybodys(root: Path) -> None:
    names = [
        ".github/x",
        ".gitignore",
        "git/x",
        "a.git",
        ".mx/generators/x.yaml",
        ".mx/overrides/x",
        paths.UNDO_IGNORED,
        "digital",
    ]
    apply.apply(root, [change(name, None, b"x") for name in names], title="t")
    assert all((root / name).read_bytes() == b"x" for name in names)


MOVES: dict[str, tuple[Callable[[Path, Path], object], bool]] = {
    "renamed": (lambda old, new: old.rename(new), True),
    "copied": (lambda old, new: shutil.copytree(old, new, symlinks=True), False),
}


@pytest.mark.parametrize("how", MOVES)
def test_a_renamed_project_is_the_same_and_a_copy_is_not(root: Path, how: str) -> None:
    killed(root)
    move, ours = MOVES[how]
    there = root.parent / "elsewhere"
    move(root, there)
    if ours:
        assert recovery.recover(there).ok
        assert snapshot(there) == NEW
        there.rename(root)
    else:
        before = snapshot(there)
        with pytest.raises(journal.NotOurs):
            recovery.recover(there)
        assert snapshot(there) == before
        assert recovery.recover(there, trust=True).ok
        assert snapshot(there) == NEW
        shutil.rmtree(there)


def test_a_journal_that_was_changed_does_not_fit_its_seal(root: Path) -> None:
    killed(root)
    plan = journal.read(root / journal.COMMITTED)
    assert plan.sealed is not None
    forged = Journal(plan.id, "forged", plan.undoable, plan.entries, plan.folders, plan.blobs, plan.made)
    (root / journal.COMMITTED).write_bytes(forged.encode(lambda digest: plan.sealed[1]))  # type: ignore[index]
    with pytest.raises(journal.NotOurs):
        recovery.recover(root)


def _unwritable(folder: Path) -> Path:
    (folder / "file").write_bytes(b"")
    return folder / "file/below"  # also for root


def _readable(folder: Path) -> Path:
    (folder / seal.NAME).write_bytes(b"k" * 32)
    (folder / seal.NAME).chmod(0o644)
    return folder


def _short(folder: Path) -> Path:
    (folder / seal.NAME).write_bytes(b"k")
    (folder / seal.NAME).chmod(0o600)
    return folder


def _link(folder: Path) -> Path:
    (folder / "elsewhere").write_bytes(b"k" * 32)
    (folder / "elsewhere").chmod(0o600)
    (folder / seal.NAME).symlink_to("elsewhere")
    return folder


@pytest.mark.parametrize("spoil", [_unwritable, _readable, _short, _link])
def test_without_a_key_it_is_said_and_a_person_can_still_recover(
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    spoil: Callable[[Path], Path],
) -> None:
    monkeypatch.setenv("MX_STATE_DIR", str(spoil(tmp_path)))
    total, undone = 0, 0
    while True:  # killed at every operation
        with project(root / "half") as there:
            if in_child(lambda there=there: apply.apply(there, PLAN, title="t"), KillingFS(total)) is None:  # type: ignore[misc]
                break
            committed = (there / journal.COMMITTED).exists()
            if committed:
                with pytest.raises(journal.NotOurs):
                    recovery.recover(there)
            assert recovery.recover(there, trust=True).ok
            assert snapshot(there) == NEW or (not committed and snapshot(there) in (OLD, NEW))
            if snapshot(there) == NEW:
                with pytest.raises(journal.NotOurs):
                    undoing.plan(there, merge=False)
                apply.apply(
                    there, undoing.operations(undoing.plan(there, merge=False, trust=True)), title="t"
                )
                assert (there / "edit.txt").read_bytes() == OLD["edit.txt"][2]
                undone += 1
            total += 1
    assert undone > 10
    assert "--trust" in capfd.readouterr().err


def test_the_key_is_private_and_never_of_a_checkout(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MX_STATE_DIR", str(tmp_path / "state"))
    seal.seal(str(root), "0" * 64)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / seal.NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "state").iterdir()] == [seal.NAME]
    (root / ".git").mkdir()
    (root / "sub/.mx").mkdir(parents=True)
    for folder in (root / "state", root):
        monkeypatch.setenv("MX_STATE_DIR", str(folder))
        with pytest.raises(seal.NoKey, match="could be committed"):
            seal.seal(str(root / "sub"), "0" * 64)


def test_the_command_says_what_to_do_and_trusts_when_told(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(root, journal.COMMITTED, write("run.sh").encode())
    monkeypatch.chdir(root)
    with pytest.raises(MxError, match="came with the project"):
        CliRunner().invoke(recovering.recover, [], standalone_mode=False, catch_exceptions=False)
    result = CliRunner().invoke(recovering.recover, ["--trust"], standalone_mode=False)
    assert result.return_value == 0
    assert (root / "run.sh").exists()
