"""Tests that take long and prove the same as last time: each runs once for the same inputs.

    pytestmark = pytest.mark.noted()                  # all code of the repository is its input
    pytestmark = pytest.mark.noted(rendered, helper)  # a rendered project is

Without a function the input is everything but test files that it does not import: `mxdev/`, `generators/`, `benchmarks/`, what the
tests share, the plugin that a test belongs to, the folder of schemas, the interpreter and its packages, and the programs on the PATH
that tests run. Such tests may share what they change, so a file's are left out together or not at all. All tests of plugins are of
this kind.

`rendered` is a function that returns the project as a tree; what else counts are the test's own file, the modules named after it,
and the interpreter with the machine-learning stack. Each test counts by itself.

A pass is noted in the user's cache folder, and the test is not run again while all of that stays the same; its fixtures are not
set up either. `MX_TEST_ALL` runs it in any case; nothing else is noted, no failure and no skip.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import ml_environment
import pytest
from platformdirs import user_cache_path

from mxdev.generator.tree import Tree

REPOSITORY = Path(__file__).resolve().parents[1]
# What tests start beside what this repository and its own caches bring.
_PROGRAMS = (
    "bash",
    "chromium",
    "devspace",
    "docker",
    "gcloud",
    "git",
    "go",
    "helm",
    "kubectl",
    "node",
    "postgres",
    "runc",
    "terraform",
    "uv",
)
# How tests are run, not what they look at.
_HOW = ("MX_TEST_ALL", "MX_TEST_STRICT", "MX_TEST_SHARED")
# What runs the package of a project on other machines; a task of several projects has them in folders.
_ELSEWHERE = re.compile(r"(\w+/)?(infrastructure/|\.devcontainer/|devspace\.yaml$)")
_BROKEN = pytest.StashKey[Exception]()
_BESIDE = pytest.StashKey[dict[Path, list[pytest.Item]]]()
_MADE = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "noted(rendered, *modules): runs once for the same inputs (tests/noted.py)"
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests of plugins."""
    if REPOSITORY / "plugins" in item.path.parents and item.get_closest_marker("noted") is None:
        item.add_marker(pytest.mark.noted())


def pytest_collection_finish(session: pytest.Session) -> None:
    """Look at the code and the programs before any test changes the PATH."""
    session.stash[_BESIDE] = {}
    for item in session.items:
        session.stash[_BESIDE].setdefault(item.path, []).append(item)
        if item.get_closest_marker("noted") and not _rendered(item):
            _note(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> object | None:
    """Report a noted pass, without setting anything up; None lets the test run."""
    try:
        if os.environ.get("MX_TEST_ALL") or not _is_noted(item):
            return None
    except Exception as error:  # rendering failed: the test's own error, in its set-up
        item.stash[_BROKEN] = error
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for when in ("setup", "call"):
        report = pytest.TestReport(
            item.nodeid, item.location, {}, "passed", None, when, user_properties=[("noted", when == "call")]
        )
        item.ihook.pytest_runtest_logreport(report=report)
    # What earlier tests set up and the next does not need, as pytest's own runner does it.
    end = pytest.CallInfo.from_call(
        lambda: item.session._setupstate.teardown_exact(nextitem), when="teardown"
    )
    item.ihook.pytest_runtest_logreport(report=item.ihook.pytest_runtest_makereport(item=item, call=end))
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test whose inputs could not be looked at."""
    if error := item.stash.get(_BROKEN, None):
        raise error


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many were not run again: nobody shall take them for run."""
    passed = terminalreporter.stats.get("passed", [])
    if count := sum(("noted", True) in map(tuple, report.user_properties) for report in passed):
        terminalreporter.line(
            f"{count} passed earlier on the same inputs and were not run again (MX_TEST_ALL runs them)"
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


def _is_noted(item: pytest.Item) -> bool:
    note = _note(item)
    if note is None or not note.exists():
        return False
    if _rendered(item):
        return True
    beside = (other for other in item.session.stash[_BESIDE][item.path] if other.get_closest_marker("noted"))
    return all((other := _note(item)) is not None and other.exists() for item in beside)


def _rendered(item: pytest.Item) -> tuple[Any, ...]:
    marker = item.get_closest_marker("noted")
    return marker.args if marker is not None else ()


def _note(item: pytest.Item) -> Path | None:
    """Where a test's pass is noted; None for a test that always runs."""
    if item.get_closest_marker("noted") is None:
        return None
    digest = hashlib.sha256(item.nodeid.encode())
    if arguments := _rendered(item):
        rendered, *modules = arguments
        files = [item.path, *(Path(module.__file__) for module in modules)]
        for part in _parts(rendered(), files):
            digest.update(hashlib.sha256(part).digest())
    else:
        digest.update(_code_and_tests(item.path))
    return user_cache_path("mx-devtool-tests") / "noted" / digest.hexdigest()


def package(rendered: Callable[[], Tree]) -> Callable[[], Tree]:
    """The same project without what runs its package elsewhere, for tests that only train."""

    def without() -> Tree:
        tree = rendered()
        for path in [path for path in tree.files if _ELSEWHERE.match(path)]:
            del tree.files[path]
        tree.sections[:] = [section for section in tree.sections if not _ELSEWHERE.match(section.path)]
        return tree

    return without


@functools.cache
def _code_and_tests(path: Path) -> bytes:
    """A digest of everything that the tests of a file depend on."""
    own = path.relative_to(REPOSITORY).parts
    digest = hashlib.sha256(_code(own[1] if own[0] == "plugins" else ""))
    for file in _with_imported(path):
        digest.update(file.read_bytes())
    return digest.digest()


def _with_imported(path: Path) -> list[Path]:
    """A test's file, and the test files that it imports."""
    files = [path]
    for file in files:
        for module in re.findall(
            r"^(?:from|import) (?:\w+\.)*(test_\w+)", file.read_text("utf-8"), re.MULTILINE
        ):
            files += {found for found in _test_files().get(module, []) if found not in files}
    return files


@functools.cache
def _test_files() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for root in (REPOSITORY / "tests", *(REPOSITORY / "plugins").glob("*/tests")):
        for path in sorted(root.rglob("test_*.py")):
            if "samples" not in path.parts:  # what tests render
                found.setdefault(path.stem, []).append(path)
    return found


def _parts(tree: Tree, files: list[Path]) -> list[bytes]:
    parts = [f"{path} {file.executable}".encode() + file.data for path, file in sorted(tree.files.items())]
    parts += [repr((section.path, section.address, section.value)).encode() for section in tree.sections]
    parts += [path.read_bytes() for path in [*files, Path(__file__), Path(ml_environment.__file__)]]
    library = ml_environment.interpreter().parent.parent / "lib"
    return [*parts, repr((sys.version, platform.platform(), str(library), _packages([library]))).encode()]


@functools.cache
def _code(plugin: str) -> bytes:
    """A digest of everything that any test of the core, or of this plugin, depends on but for the test's own file."""
    shared = Path(os.environ.get("MX_TEST_SHARED") or REPOSITORY.parent / "shared")
    roots = [REPOSITORY / "mxdev", REPOSITORY / "generators", REPOSITORY / "tests"]
    roots += [REPOSITORY / "benchmarks", *([REPOSITORY / "plugins" / plugin] if plugin else [])]
    digest = hashlib.sha256((REPOSITORY / "pyproject.toml").read_bytes())
    for path in sorted((REPOSITORY / "plugins").glob("*.py")):
        digest.update(path.read_bytes())
    for base, root in [
        *((REPOSITORY, root) for root in roots),
        (shared, shared),
    ]:
        for path in _files(root):
            digest.update(
                f"\0{path.relative_to(base)}\0{os.access(path, os.X_OK)}\0".encode() + path.read_bytes()
            )
    found = {name: Path(path).stat() for name in _PROGRAMS if (path := shutil.which(name))}
    programs = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in found.items()]
    installed = _packages(Path(folder) for folder in sys.path)
    settings = sorted(
        (name, value)
        for name, value in os.environ.items()
        if name.startswith("MX_TEST_") and name not in _HOW
    )
    digest.update(repr((sys.version, platform.platform(), programs, installed, settings)).encode())
    return digest.digest()


def _files(root: Path) -> Iterator[Path]:
    tests = {path for paths in _test_files().values() for path in paths}
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - _MADE)
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and path not in tests:
                yield path


def _packages(folders: Iterable[Path]) -> list[str]:
    return sorted(
        path.name
        for folder in folders
        for path in folder.glob("**/*.dist-info" if folder.name == "lib" else "*.dist-info")
    )
