"""A loss of power after each operation, dropping what no sync covered: the project is the old or the new one, whole."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from disks import (
    NEW,
    OLD,
    PLAN,
    SYNCS,
    PowerLoss,
    RecordingFS,
    Tree,
    WatchedFS,
    build,
    memory,
    project,
    snapshot,
)

from mxdev import fs, journal


class Verdicts:
    """Recovers images and says what is wrong with the result; each different image once."""

    def __init__(self, place: Path, whole: list[Tree]) -> None:
        self.place, self.whole = place, whole
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
                    if journal.interrupted(root):
                        return "a finished run counts as interrupted"
                    if snapshot(root) != self.whole[-1]:
                        return "a finished run is not on the disk"
                    if not journal.read(root / journal.UNDO).entries:
                        return "there is no undo"
                    return None
                result = journal.recover(root)
                if not result.ok:
                    return f"recovery met something foreign: {result.report}"
                if journal.interrupted(root):
                    return "still interrupted"
                return None if snapshot(root) in self.whole else "neither old nor new"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        finally:
            shutil.rmtree(root)


def record(root: Path, work: Callable[[], object]) -> RecordingFS:
    disk = RecordingFS()
    with fs.use(disk):
        work()
    return disk


def first_problem(model: PowerLoss, verdicts: Verdicts, *, finished: bool = True) -> str | None:
    # From the end, since that is where a missing sync shows first.
    for k in range(len(model.log), -1, -1):
        for image in model.images(k):
            problem = verdicts.of(image, finished and k == len(model.log))
            if problem:
                return f"after operation {k} {model.log[k - 1] if k else ''}: {problem}"
    return None


@pytest.fixture
def place() -> Iterator[Path]:
    with memory() as folder:
        yield folder


@pytest.fixture
def log(place: Path) -> tuple[list[tuple[str, tuple[object, ...]]], str]:
    with project(place) as root:
        disk = record(root, lambda: journal.apply(root, PLAN, title="t"))
        assert snapshot(root) == NEW
        return disk.log, str(root)


def test_no_loss_of_power_leaves_half_a_plan(
    place: Path, log: tuple[list[tuple[str, tuple[object, ...]]], str]
) -> None:
    model = PowerLoss(OLD, log[0], log[1])
    verdicts = Verdicts(place, [OLD, NEW])
    assert first_problem(model, verdicts) is None
    assert len(verdicts.known) > 500  # the model had something to drop


def test_every_sync_is_needed(place: Path, log: tuple[list[tuple[str, tuple[object, ...]]], str]) -> None:
    verdicts = Verdicts(place, [OLD, NEW])
    syncs = [number for number, (name, _) in enumerate(log[0]) if name in SYNCS]
    assert len(syncs) > 15
    needless = [
        log[0][number]
        for number in syncs
        if first_problem(PowerLoss(OLD, *log, without=number), verdicts) is None
    ]
    assert needless == []
