"""With several workers the files that took longest come first, so that none of them idles beside another's last long test.

pytest-xdist gives each worker as many tests, and one that is done takes from the end of another's. What each test took is
remembered in the user's cache folder; without it the order is pytest's own.
"""

from __future__ import annotations

import itertools
import json
import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from platformdirs import user_cache_path

# Seconds from which on a test counts.
LONG = 1.0
_took: Counter[str] = Counter()
_noted: set[str] = set()
_before = pytest.StashKey[dict[str, float]]()

Item = TypeVar("Item")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker what tests took: all of them, whenever they are started, must come to one order."""
    if _before not in node.config.stash:
        node.config.stash[_before] = remembered()
    node.workerinput["seconds"] = node.config.stash[_before]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put them in order, in a worker."""
    given: dict[str, Any] = getattr(config, "workerinput", {})
    if seconds := given.get("seconds"):
        files = [list(found) for _, found in itertools.groupby(items, lambda item: item.path)]
        took = [sum(seconds.get(item.nodeid, 0.0) for item in file) for file in files]
        items[:] = in_order(files, took, given["workercount"])


def in_order(files: Sequence[Sequence[Item]], took: Sequence[float], workers: int) -> list[Item]:
    """All tests, in as many parts as there are workers, each with its longest file first.

    The parts are cut where pytest-xdist cuts the whole (`WorkStealingScheduling`). `took` has the seconds of each file. A file goes to
    the part that has the least to do and still has room for it; where none has, its tests are the last to come, wherever there is room.
    """
    total = sum(map(len, files))
    sizes = [(total + worker) // workers for worker in range(workers)]
    busy = [0.0] * workers
    parts: list[list[Item]] = [[] for _ in range(workers)]
    for number in sorted(range(len(files)), key=lambda number: -took[number]):
        fits = [part for part in range(workers) if sizes[part] - len(parts[part]) >= len(files[number])]
        part = min(fits or range(workers), key=lambda part: (busy[part], len(parts[part]) - sizes[part]))
        parts[part] += files[number]
        busy[part] += took[number]
    over = [item for part, size in zip(parts, sizes, strict=True) for item in part[size:]]
    cut = iter(over)
    return [
        item
        for part, size in zip(parts, sizes, strict=True)
        for item in (*part[:size], *itertools.islice(cut, max(0, size - len(part))))
    ]


def remembered() -> dict[str, float]:
    """The seconds of each test that took long when it was last run."""
    try:
        found: dict[str, float] = json.loads(_place().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def kept(before: Mapping[str, float], took: Mapping[str, float], noted: Collection[str]) -> dict[str, float]:
    """The seconds that are remembered after a run; tests that were not run again, and those of other runs, keep what they had."""
    ran = {name: seconds for name, seconds in took.items() if name not in noted}
    known = {name: seconds for name, seconds in before.items() if name not in ran}
    return known | {name: round(seconds, 1) for name, seconds in ran.items() if seconds >= LONG}


def _place() -> Path:
    return user_cache_path("mx-devtool-tests") / "seconds.json"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what a test took; one that was not run again keeps what it had."""
    if any(name == "noted" for name, _ in report.user_properties):
        _noted.add(report.nodeid)
    _took[report.nodeid] += report.duration


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remember it, in the process that hears of all of them."""
    if hasattr(session.config, "workerinput") or not _took:
        return
    place = _place()
    place.parent.mkdir(parents=True, exist_ok=True)
    written = place.with_suffix(f".{os.getpid()}")
    written.write_text(json.dumps(kept(remembered(), _took, _noted), indent=0, sort_keys=True), "utf-8")
    written.replace(place)
