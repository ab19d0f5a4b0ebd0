"""What others do while mx is at work, between its last look at a file and the change of it: no byte and no permission is lost."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from disks import NEW, OLD, PLAN, WatchedFS, change, memory, project, snapshot

from mxdev.disk import apply, fs, new_project, recovery, stages
from mxdev.disk.calls import renames
from mxdev.errors import MxError


@pytest.fixture
def root() -> Iterator[Path]:
    with memory() as place, fs.use(WatchedFS()), project(place) as folder:
        yield folder


class Meanwhile(WatchedFS):
    """Somebody does something right before the n-th operation, after all checks that come before it."""

    def __init__(self, at: int, act: Callable[[], object]) -> None:
        super().__init__()
        self.at, self.act, self.acted = at, act, False

    def on(self, number: int, name: str, arguments: tuple[object, ...]) -> None:
        if number == self.at:
            self.acted = True
            self.act()


def _write(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("ab") as stream:
        stream.write(b"PRECIOUS\n")


def _save(path: Path) -> None:
    """As editors do that write a new file and rename it."""
    if path.parent.is_dir() and not path.is_dir():
        new = path.parent / ".saved"
        new.write_bytes(b"PRECIOUS\n")
        new.rename(path)


def _find(root: Path) -> bool:
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    return any(b"PRECIOUS" in path.read_bytes() for path in files)


@pytest.mark.parametrize("how", [_write, _save])
@pytest.mark.parametrize(
    "path", ["edit.txt", "half/gone.txt", "new/deep/file.txt", "empty/first.txt", "turned.sh"]
)
def test_a_save_before_any_operation_is_kept(place: Path, path: str, how: Callable[[Path], None]) -> None:
    at = 0
    while True:
        with project(place) as root:
            existed: list[bool] = []

            def act(root: Path = root, existed: list[bool] = existed) -> None:
                how(root / path)
                existed.append(_find(root))

            disk = Meanwhile(at, act)
            with fs.use(disk), contextlib.suppress(MxError):
                apply.apply(root, PLAN, title="t")
            assert _find(root) or not any(existed), at
            if not disk.acted:
                break
        at += 1
    assert at > 40


@pytest.fixture
def place() -> Iterator[Path]:
    with memory() as folder:
        yield folder


def test_a_file_made_private_in_the_last_moment_stays_so(place: Path) -> None:
    at, stopped = 0, 0
    while True:
        with project(place) as root:
            disk = Meanwhile(at, lambda root=root: (root / "edit.txt").chmod(0o600))  # type: ignore[misc]
            with fs.use(disk):
                try:
                    apply.apply(root, PLAN, title="t")
                except MxError:
                    stopped += 1
            if not disk.acted:
                break
            assert (root / "edit.txt").stat().st_mode & 0o777 == 0o600, at
        at += 1
    assert stopped > 10


def test_without_a_rename_that_exchanges_it_works_as_well_as_it_can(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renames, "special", lambda *arguments, swapping: False)
    apply.apply(root, PLAN, title="t")
    assert snapshot(root) == NEW


def test_where_the_journal_is_on_another_file_system(root: Path) -> None:
    """A double: renames between `.mx/journal/` and other folders fail as they do between file systems."""

    class Mounted(WatchedFS):
        def on(self, number: int, name: str, arguments: tuple[object, ...]) -> None:
            if name == "replace":
                folders = [os.path.dirname(str(one)) for one in arguments[:2]]  # noqa: PTH120
                if (
                    len(set(folders)) > 1
                    and any(folder.endswith("/journal") for folder in folders)
                    and "undo" not in folders[1]
                ):
                    raise OSError(18, "Invalid cross-device link", arguments[0])

    with fs.use(Mounted()):
        apply.apply(root, PLAN, title="t")
    assert snapshot(root) == NEW


def test_extended_attributes_stay_and_come_back(tmp_path: Path) -> None:
    with project(tmp_path) as root:
        for name in ("edit.txt", "half/gone.txt", "turned.sh"):
            try:
                os.setxattr(root / name, "user.note", b"precious")
            except OSError:
                pytest.skip("this file system has no extended attributes")
        apply.apply(root, PLAN, title="t")
        for name in ("edit.txt", "turned.sh"):
            assert os.getxattr(root / name, "user.note") == b"precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays(root: Path) -> None:
    os.chown(root / "edit.txt", 1234, 4321)
    apply.apply(root, PLAN, title="t")
    found = (root / "edit.txt").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (1234, 4321, 0o640)


@pytest.mark.parametrize("folder", ["half", "new", "empty", "dir", ".mx/pristine"])
def test_a_folder_that_becomes_a_link_leads_nowhere(place: Path, folder: str) -> None:
    """Whenever it happens, nothing outside of the project is made, changed or removed."""
    outside = place / "outside"
    at = 0
    while True:
        with project(place) as root:
            shutil.rmtree(outside, ignore_errors=True)
            outside.mkdir()
            for name in ("gone.txt", "stays.txt", "first.txt"):
                (outside / name).write_bytes(b"theirs\n")
            before = snapshot(outside)

            def act(root: Path = root) -> None:
                if (root / folder).is_dir():
                    shutil.move(root / folder, place / f"moved{at}")  # noqa: B023
                    (root / folder).symlink_to(outside)

            disk = Meanwhile(at, act)
            with fs.use(disk):
                with contextlib.suppress(MxError, OSError):
                    apply.apply(root, PLAN, title="t")
                with contextlib.suppress(MxError, OSError):
                    recovery.recover(root)
            assert snapshot(outside) == before, at
            shutil.rmtree(place / f"moved{at}", ignore_errors=True)
            if not disk.acted:
                break
        at += 4
    assert at > 40


STAGED = [change("mx.yaml", None, b"a: 1\n"), change("src/a.py", None, b"a\n"), change(".mx/x", None, b"x\n")]


def _leave(place: Path) -> Path:
    """What a killed run leaves of a stage: the note of what was written, and all of it."""
    stage = place / ".new.mx-0badcafe"
    stages.note(str(stage), STAGED, "t")
    stage.mkdir()
    for operation in STAGED:
        (stage / operation.path).parent.mkdir(parents=True, exist_ok=True)
        (stage / operation.path).write_bytes(operation.after_data or b"")
    return stage


PERSON: dict[str, Callable[[Path], object]] = {
    "a new file": lambda stage: (stage / "mine.txt").write_bytes(b"mine\n"),
    "a file in a folder": lambda stage: (stage / "src/mine.txt").write_bytes(b"mine\n"),
    "an edit": lambda stage: (stage / "mx.yaml").write_bytes(b"a: 2\n"),
    "a longer file": lambda stage: (stage / "mx.yaml").write_bytes(b"a: 1\nb: 1\n"),
    "an empty folder": lambda stage: (stage / "mine").mkdir(),
    "a link": lambda stage: (stage / "link").symlink_to("mx.yaml"),
    "no note any more": lambda stage: stages.forget(str(stage)),
}


@pytest.mark.parametrize("what", PERSON)
def test_what_a_person_did_in_a_killed_runs_stage_is_not_deleted(
    place: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = _leave(place)
    PERSON[what](stage)
    before = snapshot(stage)
    new_project.stage_new(place / "other", STAGED, "t")
    assert snapshot(stage) == before
    assert str(stage) in capsys.readouterr().err


def test_what_only_mx_wrote_is_removed_also_half_written(place: Path) -> None:
    stage = _leave(place)
    (stage / ".mx/x").write_bytes(b"")
    (stage / "src/a.py").unlink()
    new_project.stage_new(place / "other", STAGED, "t")
    assert [path.name for path in place.iterdir()] == ["other"]


def test_a_stage_that_is_a_link_is_not_followed(place: Path) -> None:
    (place / "thesis").mkdir()
    (place / "thesis/mx.yaml").write_bytes(b"a: 1\n")
    stages.note(str(place / ".new.mx-0badcafe"), STAGED, "t")
    (place / ".new.mx-0badcafe").symlink_to("thesis")
    new_project.stage_new(place / "other", STAGED, "t")
    assert (place / "thesis/mx.yaml").exists()


def test_a_file_that_comes_back_is_as_private_as_it_was(root: Path) -> None:
    class Refusing(WatchedFS):
        def on(self, number: int, name: str, arguments: tuple[object, ...]) -> None:
            if name == "replace" and str(arguments[1]).endswith("/empty/first.txt"):
                raise PermissionError(13, "Permission denied", arguments[1])

    with fs.use(Refusing()), pytest.raises(MxError, match="as it was before"):
        apply.apply(root, PLAN, title="t")
    assert snapshot(root) == OLD
