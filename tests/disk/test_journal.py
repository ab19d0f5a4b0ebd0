"""What a plan's application does to a project, and what it refuses before the first write."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import NEW, OLD, PLAN, RecordingFS, WatchedFS, build, change, memory, project, snapshot

from mxdev.disk import apply, fs, journal, new_project, recovery
from mxdev.disk.apply import Operation, State
from mxdev.disk.journal_format import ABSENT, decode
from mxdev.errors import MxError, Refused


@pytest.fixture
def place() -> Iterator[Path]:
    with memory() as folder, fs.use(WatchedFS()):
        yield folder


def test_a_plan_is_applied_and_becomes_the_undo(place: Path) -> None:
    with project(place) as root:
        apply.apply(root, PLAN, title="mx generate X")
        assert snapshot(root) == NEW
        undo = journal.read(root / journal.UNDO)
        assert undo.title == "mx generate X"
        assert [(entry.path, entry.kind) for entry in undo.entries] == [
            (step.path, step.kind) for step in PLAN
        ]
        assert {entry.kind for entry in undo.entries} == {"create", "replace", "remove", "chmod"}
        replaced = next(entry for entry in undo.entries if entry.path == "edit.txt")
        assert undo.blobs[replaced.before.sha256 or ""] == b"first\n"
        assert replaced.mode == 0o640
        assert (root / journal.UNDO).stat().st_mode & 0o077 == 0  # it has bytes of private files
        assert sorted(path.name for path in (root / ".mx").iterdir()) == ["pristine", "undo"]


def test_on_the_real_disk_with_real_syncs(tmp_path: Path) -> None:
    with project(tmp_path) as root, fs.use(fs.FileSystem()):
        apply.apply(root, PLAN, title="t")
        assert snapshot(root) == NEW


@pytest.mark.parametrize(
    ("plan", "undoable", "kept"),
    [
        ([change(".mx/a", None, b"a")], True, True),
        ([change("a", None, b"a")], False, False),
        ([change("a", None, b"a"), change(".mx/a", None, b"a")], True, True),
    ],
)
def test_a_plan_that_changed_something_is_kept_and_the_one_before_it(
    place: Path, plan: list[Operation], undoable: bool, kept: bool
) -> None:
    apply.apply(place, [change("before", None, b"")], title="before")
    apply.apply(place, plan, title="now", undoable=undoable)
    titles = [journal.read(path).title for path in journal.history(place)]
    assert titles == (["now", "before"] if kept else ["before"])


def test_a_plan_that_changes_nothing_touches_nothing(place: Path) -> None:
    disk = RecordingFS()
    with fs.use(disk):
        apply.apply(place, [change("a", b"x", b"x"), change("b", None, None)], title="t")
    assert disk.log == []


def test_new_files_follow_the_umask(place: Path) -> None:
    before = os.umask(0o027)
    try:
        apply.apply(place, [change("a", None, b"a"), change("b", None, b"b", False, True)], title="t")
        assert [(place / name).stat().st_mode & 0o777 for name in "ab"] == [0o640, 0o750]
    finally:
        os.umask(before)


def test_a_replaced_file_keeps_its_other_permission_bits(place: Path) -> None:
    build(place / "p", {"a": ("file", 0o660, b"1"), "b": ("file", 0o700, b"1")})
    plan = [change("a", b"1", b"2", False, True), change("b", b"1", b"2", True, False)]
    apply.apply(place / "p", plan, title="t")
    assert [(place / "p" / name).stat().st_mode & 0o777 for name in "ab"] == [0o770, 0o600]


SURPRISES = {
    "edited": lambda path: path.write_bytes(b"mine\n"),
    "deleted": lambda path: path.unlink(),
    "made executable": lambda path: path.chmod(0o755),
    "a link to the same bytes": lambda path: (
        path.rename(f"{path}.real"),
        path.symlink_to(f"{path.name}.real"),
    ),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("how", SURPRISES)
def test_a_target_that_is_not_as_planned_stops_the_run(place: Path, how: str) -> None:
    with project(place) as root:
        SURPRISES[how](root / "edit.txt")
        disk = RecordingFS()
        with fs.use(disk), pytest.raises(Refused, match=r"edit\.txt") as caught:
            apply.apply(root, PLAN, title="t")
        assert disk.log == []
        assert caught.value.hint


@pytest.mark.parametrize(
    ("tree", "plan"),
    [
        ({"a": ("file", 0o644, b"")}, [change("a/b", None, b"b")]),
        ({"a": ("folder", 0o755)}, [change("a", None, b"b")]),
        (
            {"a": ("folder", 0o755), "a/b": ("file", 0o644, b"b"), "a/c": ("file", 0o644, b"c")},
            [change("a/b", b"b", None), change("a", None, b"b")],
        ),
        ({"a": ("file", 0o644, b"theirs")}, [change("a", None, b"b")]),
    ],
)
def test_something_in_the_way_stops_the_run(
    place: Path, tree: dict[str, tuple[object, ...]], plan: list[Operation]
) -> None:
    build(place / "p", tree)
    with pytest.raises(Refused):
        apply.apply(place / "p", plan, title="t")
    assert snapshot(place / "p") == tree


def test_a_folder_becomes_a_file_and_back(place: Path) -> None:
    tree = {"a": ("folder", 0o755), "a/b": ("file", 0o644, b"b")}
    build(place / "p", tree)
    apply.apply(place / "p", [change("a", None, b"file"), change("a/b", b"b", None)], title="t")
    assert snapshot(place / "p") == {"a": ("file", 0o644, b"file")}
    apply.apply(place / "p", [change("a", b"file", None), change("a/b", None, b"b")], title="t")
    assert snapshot(place / "p") == tree


def test_an_edit_in_the_middle_of_the_run_survives(place: Path) -> None:
    """Between the look at all targets and the rename of this one; the rest is put back."""

    class Meanwhile(WatchedFS):
        def on(self, number: int, name: str, arguments: tuple[object, ...]) -> None:
            if name == "replace" and str(arguments[1]).endswith("/mx.yaml"):
                (root / "tool.sh").write_bytes(b"mine\n")

    with project(place) as root:
        with fs.use(Meanwhile()), pytest.raises(MxError, match=r"tool\.sh"):
            apply.apply(root, PLAN, title="t")
        assert (root / "tool.sh").read_bytes() == b"mine\n"
        after = snapshot(root)
        del after["tool.sh"]
        assert after == {path: what for path, what in OLD.items() if path != "tool.sh"}
        assert not journal.interrupted(root)
        recovery.recover(root, "forward")
        assert (root / "tool.sh").read_bytes() == b"mine\n"
        assert (root / "tool.sh.mx-new").read_bytes() == NEW["tool.sh"][2]


@pytest.mark.parametrize("path", ["../out", "/etc/x", "a/../../x", "out/x", "dangling"])
def test_no_target_outside_the_root(place: Path, path: str) -> None:
    (place / "p").mkdir()
    (place / "outside").mkdir()
    (place / "p/out").symlink_to("../outside")
    (place / "p/dangling").symlink_to("nowhere")
    with pytest.raises(MxError):
        apply.apply(place / "p", [change(path, None, b"x")], title="t")
    assert sorted(path.name for path in place.rglob("*")) == ["dangling", "out", "outside", "p"]


def test_a_state_folder_that_is_a_link_to_elsewhere(place: Path) -> None:
    (place / "p").mkdir()
    (place / "outside").mkdir()
    (place / "p/.mx").symlink_to("../outside")
    with pytest.raises(MxError, match="symbolic link"):
        apply.apply(place / "p", [change("a", None, b"x")], title="t")
    assert [*(place / "outside").iterdir()] == []


def test_a_link_to_a_folder_inside_is_followed(place: Path) -> None:
    (place / "real").mkdir()
    (place / "link").symlink_to("real")
    apply.apply(place, [change("link/a", None, b"a")], title="t")
    assert (place / "real/a").read_bytes() == b"a"
    apply.apply(place, [change("link/a", b"a", None)], title="t")
    assert (place / "link").is_symlink()


def test_bytes_that_are_not_the_promised_ones(place: Path) -> None:
    with pytest.raises(MxError, match="promised"):
        apply.apply(place, [Operation("a", ABSENT, State.of(b"a"), b"b")], title="t")
    with pytest.raises(MxError, match="twice"):
        apply.apply(place, [change("a", None, b"a"), change("a", None, b"a")], title="t")
    assert snapshot(place) == {}


def test_odd_names_and_bytes(place: Path) -> None:
    names = ["with space", "ümläut/日本", "quote'\"", "line\nbreak", os.fsdecode(b"not-utf8-\xff"), "x" * 255]
    data = b"\nend 0\nmx-journal 1\n\x00\xff"
    apply.apply(place, [change(name, None, data) for name in names], title="tïtle\n")
    assert {path for path, what in snapshot(place).items() if what[0] == "file"} == set(names)
    assert all(what[2] == data for what in snapshot(place).values() if what[0] == "file")
    assert journal.read(place / journal.UNDO).title == "tïtle\n"


def test_applying_over_an_interrupted_run_is_refused(place: Path) -> None:
    (place / ".mx/journal").mkdir(parents=True)
    (place / journal.COMMITTED).write_bytes(b"x")
    with pytest.raises(Refused, match="mx recover"):
        apply.apply(place, [change("a", None, b"a")], title="t")


def test_in_another_thread(place: Path) -> None:
    thread = threading.Thread(target=lambda: apply.apply(place, [change("a", None, b"a")], title="t"))
    thread.start()
    thread.join()
    assert (place / "a").read_bytes() == b"a"


def test_a_damaged_journal_is_told_apart_in_every_byte(place: Path) -> None:
    with project(place) as root:
        apply.apply(root, PLAN[:2], title="t")
        data = (root / journal.UNDO).read_bytes()
    assert decode(data, "x").title == "t"
    for number in range(len(data)):
        broken = data[:number] + bytes([data[number] ^ 1]) + data[number + 1 :]
        with pytest.raises(MxError):
            decode(broken, "x")
    for length in (0, 1, 20, len(data) // 2, len(data) - 1):
        with pytest.raises(MxError, match="damaged"):
            decode(data[:length], "x")


def test_a_journal_from_a_newer_mx_is_refused(place: Path) -> None:
    with pytest.raises(MxError, match="newer mx"):
        decode(b"mx-journal 2\nwhatever", "x")


def test_a_new_project(place: Path) -> None:
    plan = [
        change("mx.yaml", None, b"a: 1\n"),
        change("src/x/y.py", None, b""),
        change("run", None, b"#!", False, True),
    ]
    (place / "empty").mkdir(mode=0o700)
    for name in ("new", "empty"):
        new_project.stage_new(place / name, plan, "t")
        assert {path for path, what in snapshot(place / name).items() if what[0] == "file"} == {
            "mx.yaml",
            "src/x/y.py",
            "run",
        }
        assert os.access(place / name / "run", os.X_OK)
    assert (place / "empty").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in place.iterdir()) == ["empty", "new"]


@pytest.mark.parametrize("what", ["file", "full folder", "link to an empty folder", "dangling link"])
def test_a_new_project_takes_nobodys_place(place: Path, what: str) -> None:
    target = place / "new"
    if what == "file":
        target.write_bytes(b"theirs")
    elif what == "full folder":
        target.mkdir()
        (target / "x").write_bytes(b"theirs")
    else:
        if "empty" in what:
            (place / "other").mkdir()
        target.symlink_to("other")
    before = snapshot(place)
    with pytest.raises(Refused, match="exists already"):
        new_project.stage_new(target, [change("a", None, b"a")], "t")
    assert snapshot(place) == before


def test_a_new_project_without_its_parent_folder(place: Path) -> None:
    with pytest.raises(MxError, match="no folder"):
        new_project.stage_new(place / "missing/new", [change("a", None, b"a")], "t")
