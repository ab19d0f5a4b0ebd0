"""A loss of power after each operation, dropping what no sync covered: the project is the old or the new one, whole."""

from __future__ import annotations

import contextlib
import errno
import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from disks import (
    NEW,
    OLD,
    PLAN,
    SYNCS,
    FailingFS,
    KillingFS,
    Log,
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
from power import PowerLoss

from mxdev.disk import apply, fs, journal, new_project, recovery, seal
from mxdev.errors import MxError

FIRST_OLD: Tree = {"theirs.txt": ("file", 0o644, b"theirs\n")}
FIRST_NEW: Tree = {
    **FIRST_OLD,
    "mx.yaml": ("file", 0o644, b"version: 1\n"),
    ".mx": ("folder", 0o755),
    ".mx/.gitignore": ("file", 0o644, b"lock\n"),
}
FIRST = [change("mx.yaml", None, b"version: 1\n"), change(".mx/.gitignore", None, b"lock\n")]
RECORD_OLD: Tree = {"theirs.txt": ("file", 0o644, b"theirs\n"), ".mx": ("folder", 0o755)}
RECORD_NEW: Tree = {
    **RECORD_OLD,
    ".mx/record.yaml": ("file", 0o644, b"a: 1\n"),
    ".mx/second.yaml": ("file", 0o644, b"b: 1\n"),
}
RECORD = [change(".mx/record.yaml", None, b"a: 1\n"), change(".mx/second.yaml", None, b"b: 1\n")]


@dataclass
class Case:
    """A run: what it starts from, the results that are whole, the one it must have when it ended, and its log."""

    start: Tree
    whole: list[Tree]
    end: Tree
    undo: bool
    log: Log
    root: str
    most: int = 40

    def model(self, without: int | None = None) -> PowerLoss:
        return PowerLoss(self.start, self.log, self.root, without)


class Verdicts:
    """Recovers images and says what is wrong with the result; each different image once."""

    def __init__(self, place: Path, case: Case) -> None:
        self.place, self.case = place, case
        self.known: dict[int, str | None] = {}
        self.numbers = itertools.count()

    def of(self, image: Tree, finished: bool) -> str | None:
        key = hash((finished, tuple(sorted(image.items()))))
        if key not in self.known:
            self.known[key] = self._judge(image, finished)
        return self.known[key]

    def _judge(self, image: Tree, finished: bool) -> str | None:
        root = self.place / f"image{next(self.numbers)}"
        build(root, image)
        try:
            with fs.use(WatchedFS()):
                if finished:
                    return self._finished(root)
                result = recovery.recover(root)
                if not result.ok:
                    return f"recovery met something foreign: {result.report}"
                if journal.interrupted(root):
                    return "still interrupted"
                return None if snapshot(root) in self.case.whole else "neither old nor new"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        finally:
            shutil.rmtree(root)

    def _finished(self, root: Path) -> str | None:
        """A person goes on working once mx has said that it is done: nothing may be left to recover."""
        if journal.interrupted(root):
            return "a finished run counts as interrupted"
        if snapshot(root) != self.case.end:
            return "a finished run is not on the disk"
        if self.case.undo:
            journal.read(root / journal.UNDO)
        return None


def first_problem(model: PowerLoss, verdicts: Verdicts) -> str | None:
    """The first thing that is not whole; at most `Case.most` selected images for each operation."""
    for k in range(len(model.log), -1, -1):  # from the end: a missing sync shows there first
        for image in model.images(k, verdicts.case.most):
            if problem := verdicts.of(image, k == len(model.log)):
                return f"after operation {k} {model.log[k - 1] if k else ''}: {problem}"
    return None


@pytest.fixture(autouse=True)
def anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A double: the images of a disk are built in other folders than the one that was recorded, and count as the same place."""
    monkeypatch.setattr(seal, "place_of", lambda root: "anywhere")


@pytest.fixture
def place() -> Iterator[Path]:
    with memory() as folder:
        yield folder


def record(root: Path, work: Callable[[], object]) -> Log:
    disk = RecordingFS()
    with fs.use(disk):
        work()
    return disk.log


def whole_plan(place: Path) -> Case:
    with project(place) as root:
        log = record(root, lambda: apply.apply(root, PLAN, title="t"))
        assert snapshot(root) == NEW
        return Case(OLD, [OLD, NEW], NEW, True, log, str(root))


def first_plan(place: Path) -> Case:
    with project(place, FIRST_OLD) as root:
        log = record(root, lambda: apply.apply(root, FIRST, title="t"))
        assert snapshot(root) == FIRST_NEW
        return Case(FIRST_OLD, [FIRST_OLD, FIRST_NEW], FIRST_NEW, True, log, str(root))


def records_only(place: Path) -> Case:
    with project(place, RECORD_OLD) as root:
        log = record(root, lambda: apply.apply(root, RECORD, title="t", undoable=False))
        assert not (root / journal.UNDO).exists()
        bare = {path: what for path, what in RECORD_OLD.items() if path != ".mx"}
        return Case(RECORD_OLD, [bare, RECORD_NEW], RECORD_NEW, False, log, str(root))


def taken_back(place: Path) -> Case:
    """The disk is full at the last rename; all is taken back in the same process."""
    with project(place) as root:
        disk = FailingFS(38, errno.ENOSPC)
        with fs.use(disk), pytest.raises(MxError, match="as it was before"):
            apply.apply(root, PLAN, title="t")
        assert disk.failed == "replace"
        assert snapshot(root) == OLD
        return Case(OLD, [OLD, NEW], OLD, False, disk.log, str(root), most=15)


def recovered(place: Path, direction: str | None, end: Tree) -> Case:
    """A run is killed in the middle of its renames and recovered; the power fails in the recovery."""
    with project(place) as root:
        assert in_child(lambda: apply.apply(root, PLAN, title="t"), KillingFS(36))
        start = snapshot(root, hidden=True)
        log = record(root, lambda: recovery.recover(root, direction))  # type: ignore[arg-type]
        assert snapshot(root) == end
        return Case(start, [OLD, NEW], end, direction is None, log, str(root), most=25)


def forward(place: Path) -> Case:
    return recovered(place, None, NEW)


def back(place: Path) -> Case:
    return recovered(place, "back", OLD)


@pytest.mark.parametrize("make", [whole_plan, first_plan, records_only, taken_back, forward, back])
def test_no_loss_of_power_leaves_half_a_plan(place: Path, make: Callable[[Path], Case]) -> None:
    case = make(place)
    verdicts = Verdicts(place, case)
    assert first_problem(case.model(), verdicts) is None
    assert len(verdicts.known) > len(case.log) // 2  # the model had something to drop


@pytest.mark.parametrize("make", [whole_plan, first_plan, records_only])
def test_every_sync_is_needed(place: Path, make: Callable[[Path], Case]) -> None:
    case = make(place)
    syncs = [number for number, (name, _) in enumerate(case.log) if name in SYNCS]
    assert len(syncs) >= 6
    needless = []
    for number in syncs:
        if first_problem(case.model(without=number), Verdicts(place, case)) is None:
            needless.append(case.log[number])
    assert needless == []


STAGED = [
    change("mx.yaml", None, b"version: 1\n"),
    change("src/pkg/a.py", None, b"a\n"),
    change("run", None, b"#!\n", False, True),
]


def stage(place: Path) -> tuple[Log, Path]:
    parent = place / "parent"
    parent.mkdir()
    log = record(parent, lambda: new_project.stage_new(parent / "new", STAGED, "t"))
    assert (parent / "new/src/pkg/a.py").read_bytes() == b"a\n"
    shutil.rmtree(parent)
    return log, parent


def stage_problem(place: Path, log: Log, parent: Path, without: int | None = None) -> str | None:
    model = PowerLoss({}, log, str(parent), without)
    wanted = {(path, operation.after_data) for operation in STAGED for path in [operation.path]}
    for k in range(len(log), -1, -1):
        for image in model.images(k):
            new = {path.removeprefix("new/"): what for path, what in image.items() if path.startswith("new/")}
            files = {(path, what[2]) for path, what in new.items() if what[0] == "file"}
            if k == len(log) and not files:
                return "a finished project is not there"
            if "new" in image and (files != wanted or new["run"][1] != 0o755):
                return f"after operation {k}: half a project"
    return None


def test_a_new_project_is_there_whole_or_not_at_all(place: Path) -> None:
    log, parent = stage(place)
    assert stage_problem(place, log, parent) is None
    syncs = [number for number, (name, _) in enumerate(log) if name in SYNCS]
    assert len(syncs) == 7
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(parent)
    assert [log[number] for number in syncs if stage_problem(place, log, parent, number) is None] == []
