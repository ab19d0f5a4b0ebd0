"""Tests that take minutes and depend on a rendered project alone: each runs once for the same project.

    pytestmark = pytest.mark.noted(rendered, helper)

`rendered` is a function that returns the project as a tree; what else counts are the test's own file, the modules named
after it, and the interpreter with the machine-learning stack. A pass is noted in the user's cache folder, and the test is
not run again while all of that stays the same. `MX_TEST_ALL` runs it in any case; nothing else is noted, no failure and
no skip.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import ml_environment
import pytest
from platformdirs import user_cache_path


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "noted(rendered, *modules): runs once for the same rendered project (tests/noted.py)"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    """Do nothing where the pass is noted; None lets the test run."""
    note = _note(pyfuncitem)
    if note is None or not note.exists() or os.environ.get("MX_TEST_ALL"):
        return None
    pyfuncitem.user_properties.append(("noted", True))
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many were not run again: nobody shall take them for run."""
    passed = terminalreporter.stats.get("passed", [])
    if count := sum(("noted", True) in map(tuple, report.user_properties) for report in passed):
        terminalreporter.line(
            f"{count} passed earlier on the same project and were not run again (MX_TEST_ALL runs them)"
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note a pass."""
    report = yield
    note = _note(item) if call.when == "call" and report.passed else None
    if note is not None:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.touch()
    return report


def _note(item: pytest.Item) -> Path | None:
    """Where a test's pass is noted; None for a test that always runs."""
    marker = item.get_closest_marker("noted")
    if marker is None:
        return None
    rendered, *modules = marker.args
    digest = hashlib.sha256(item.nodeid.encode())
    for part in _parts(rendered(), [item.path, *(Path(module.__file__) for module in modules)]):
        digest.update(hashlib.sha256(part).digest())
    return user_cache_path("mx-devtool-tests") / "noted" / digest.hexdigest()


def _parts(tree: Any, files: list[Path]) -> list[bytes]:
    parts = [f"{path} {file.executable}".encode() + file.data for path, file in sorted(tree.files.items())]
    parts += [repr((section.path, section.address, section.value)).encode() for section in tree.sections]
    parts += [path.read_bytes() for path in [*files, Path(__file__)]]
    library = ml_environment.interpreter().parent.parent / "lib"
    installed = sorted(path.name for path in library.glob("python*/site-packages/*.dist-info"))
    return [*parts, repr((sys.version, platform.platform(), str(library), installed)).encode()]
