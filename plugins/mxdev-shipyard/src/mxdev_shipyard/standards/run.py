"""Runs the tests of standards by pytest, on a repository that is data to them: nothing of it is imported or run."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn

import pytest

from mxdev_shipyard.standards.limit import HangsError, limited
from mxdev_shipyard.standards.model import Repository, Standard, place_of
from mxdev_shipyard.standards.waivers import Waiver

Outcome = Literal["passed", "failed", "skipped", "waived", "broken"]
DOCUMENT = "SHIPYARD_STANDARDS_URL"


@dataclass(frozen=True)
class Result:
    """How one test ended: `message` is why it did not pass, and `place` the path, the line and the sentence of what failed."""

    standard: Standard
    test: str
    outcome: Outcome
    message: str = ""
    place: tuple[str, int | None, str] = ("", None, "")


def document() -> str:
    """Where the standards are explained: what SHIPYARD_STANDARDS_URL says, else the page that came with this package."""
    return os.environ.get(DOCUMENT) or Path(__file__).with_name("STANDARDS.md").as_uri()


def run(
    repository: Repository,
    standards: Sequence[Standard],
    waivers: Mapping[int, Waiver],
    *,
    today: datetime.date,
    junit: Path | None = None,
    limit: float = 0,
) -> tuple[int, list[Result]]:
    """Check a repository; pytest prints what it finds.

    Args:
        repository: what is checked.
        standards: against which.
        waivers: the standards that it need not meet, each until a day.
        today: the day.
        junit: where a JUnit report is written.
        limit: seconds for the reading of a file of tests, for one test, and for what is before and after it; 0: none.

    Returns:
        pytest's exit code (0 all met, 1 not all), and how each test ended; a standard of which no test has a result is broken.
    """
    checks = Path(__file__).with_name("checks")
    tested = [standard for standard in standards if standard.file]
    plugin = _Checking(repository, {standard.file: standard for standard in tested}, waivers, today, limit)
    arguments = [
        *(standard.file for standard in tested),
        *("-c", os.devnull, f"--rootdir={checks}", f"--confcutdir={checks}", "--import-mode=importlib"),
        *("-p", "no:cacheprovider", "-p", "no:unraisableexception", "-p", "no:threadexception"),
        *("-q", "-rsxXE", "--no-header", "--tb=short", "--strict-markers", "--continue-on-collection-errors"),
    ]
    if junit is not None:
        arguments.append(f"--junit-xml={junit}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
            patch.delenv(name, raising=False)
        patch.setattr(os, "_exit", _stays())
        try:
            code = int(pytest.main(arguments, plugins=[plugin]))
        except SystemExit as error:  # in what pytest does not look after, such as a thread that it waits for
            code = error.code if isinstance(error.code, int) and error.code else 4
    seen = {result.standard.number for result in plugin.results}
    missing = [standard for standard in tested if standard.number not in seen]
    told = "no test of it has a result: the run was ended, or there is none in its file"
    return code, [
        *plugin.results,
        *(Result(standard, "", "broken", f"{told} ({standard.file})") for standard in missing),
    ]


def _stays() -> Callable[[int], NoReturn]:
    """In the place of `os._exit`, with which a test would end the run without a word; a forked process may."""
    own, leave = os.getpid(), os._exit

    def stay(status: int) -> NoReturn:
        if os.getpid() != own:
            leave(status)
        raise SystemExit(status)

    return stay


@dataclass
class _Checking:
    """The plugin that gives pytest the repository, the waivers, and the last line."""

    repository_: Repository
    by_file: Mapping[str, Standard]
    waivers: Mapping[int, Waiver]
    today: datetime.date
    limit: float
    results: list[Result] = field(default_factory=list)

    @pytest.fixture(name="repository")
    def _repository(self) -> Repository:
        return self.repository_

    def _standard(self, item: pytest.Item) -> Standard:
        return self.by_file[str(item.path)]

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """A test that a waiver covers may fail."""
        for item in items:
            waiver = self.waivers.get(self._standard(item).number)
            if waiver and waiver.until >= self.today:
                item.add_marker(pytest.mark.xfail(reason=waiver.sentence, strict=False))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """A file of tests that hangs while it is imported is one that cannot be."""
        standard = self.by_file.get(str(collector.path))
        if standard is None:
            return (yield)
        collect = collector.collect

        def limited_collect() -> Any:
            with self._limited(f"the file of tests {standard.file}"):
                return collect()

        collector.collect = limited_collect  # type: ignore[method-assign]
        report = yield
        if report.failed:
            told = str(report.longrepr).strip().rpartition("\n")[2].removeprefix("E").strip()
            self.results.append(Result(standard, "", "broken", f"its tests cannot be read: {told}"))
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """What a test asks for has the limit of a test."""
        with self._limited(f"what {item.name} asks for"):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """A test has a limit."""
        with self._limited(item.name):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """What is done after a test has the limit of a test."""
        with self._limited(f"what is done after {item.name}"):
            return (yield)

    def _limited(self, what: str) -> contextlib.AbstractContextManager[None]:
        return limited(self.limit, what)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: Any
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note how a test ended; what failed says too what to do."""
        report = yield
        if hasattr(report, "wasxfail") and call.excinfo and call.excinfo.errisinstance(HangsError):
            report.outcome = "failed"  # a waiver lets a standard be unmet, and no run wait for it
            del report.wasxfail
        if report.when != "call" and report.outcome == "passed":
            return report
        standard = self._standard(item)
        ended: Outcome = report.outcome
        message, place = "", Result.place
        if report.outcome == "failed":
            expected = call.excinfo is not None and call.excinfo.errisinstance(pytest.fail.Exception)
            ended = "failed" if expected else "broken"
            message = str(call.excinfo.value) if call.excinfo else ""
            place = place_of(call.excinfo.value) if call.excinfo else place
            report.longrepr = self._told(standard, message) if expected else report.longrepr
        elif report.outcome == "skipped":
            ended = "waived" if hasattr(report, "wasxfail") else "skipped"
            message = report.wasxfail if ended == "waived" else _reason(report)
        self.results.append(Result(standard, item.name, ended, message, place))
        return report

    def _told(self, standard: Standard, message: str) -> str:
        lines = [message, "", f"Standard {standard.number}: {standard.title}", f"Why: {standard.reason}"]
        waiver = self.waivers.get(standard.number)
        if waiver is not None:
            lines.append(f"Its waiver ended on {waiver.until}: {waiver.reason}")
        return "\n".join([*lines, f"Fix: {standard.fix}", f"See: {document()}#{standard.anchor}"])

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The document, whatever was found."""
        terminalreporter.write_line(f"The standards are explained at {document()}")


def _reason(report: pytest.TestReport) -> str:
    told = report.longrepr
    return str(told[2]).removeprefix("Skipped: ") if isinstance(told, tuple) else str(told or "")
