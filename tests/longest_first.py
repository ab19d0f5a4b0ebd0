"""With several workers the files that took longest come first, so that none of them idles beside another's last long test.

pytest-xdist gives each worker as many tests, and one that is done takes from the end of another's. What each test took is
remembered in the user's cache folder; without it the order is pytest's own.
"""

from __future__ import annotations

import itertools
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from platformdirs import user_cache_path

# Seconds from which on a test counts.
LONG = 1.0
_took: Counter[str] = Counter()

Item = TypeVar("Item")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker what tests took: all of them must come to one order."""
    node.workerinput["seconds"] = remembered()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put them in order, in a worker."""
    given: dict[str, Any] = getattr(config, "workerinput", {})
    if seconds := given.get("seconds"):
        files = [list(found) for _, found in itertools.groupby(items, lambda item: item.path)]
        took = [sum(seconds.get(item.nodeid, 0.0) for item in file) for file in files]
        items[:] = in_order(files, took, given["workercount"])


def in_order(files: Sequence[Sequence[Item]], took: Sequence[float], workers: int) -> list[Item]:
    """All tests, in as many parts of the same number as there are workers, each with its longest file first.

    `took` has the seconds of each file. A file goes to the part that has the least to do and still has room for it.
    """
    room = [float(sum(map(len, files))) / workers] * workers
    busy = [0.0] * workers
    parts: list[list[Item]] = [[] for _ in range(workers)]
    for number in sorted(range(len(files)), key=lambda number: -took[number]):
        fits = [part for part in range(workers) if room[part] >= len(files[number])]
        part = min(fits, key=busy.__getitem__) if fits else max(range(workers), key=room.__getitem__)
        parts[part] += files[number]
        busy[part] += took[number]
        room[part] -= len(files[number])
    return [item for part in parts for item in part]


def remembered() -> dict[str, float]:
    """The seconds of each test that took long when it was last run."""
    try:
        found: dict[str, float] = json.loads(_place().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _place() -> Path:
    return user_cache_path("mx-devtool-tests") / "seconds.json"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what a test took; one that was not run again keeps what it had."""
    if ("noted", True) not in map(tuple, report.user_properties):
        _took[report.nodeid] += report.duration


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remember it, in the process that hears of all of them."""
    if hasattr(session.config, "workerinput") or not _took:
        return
    known = {name: seconds for name, seconds in remembered().items() if name not in _took}
    known |= {name: round(took, 1) for name, took in _took.items() if took >= LONG}
    place = _place()
    place.parent.mkdir(parents=True, exist_ok=True)
    written = place.with_suffix(f".{os.getpid()}")
    written.write_text(json.dumps(known, indent=0, sort_keys=True), "utf-8")
    written.replace(place)
