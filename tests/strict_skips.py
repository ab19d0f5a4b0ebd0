"""With MX_TEST_STRICT a test that was skipped for want of set-up fails the run: a skip is not a pass.

What continuous integration cannot have is listed here, with the reason; everything else it must have.
"""

from __future__ import annotations

import os

import pytest

# A part of the skip's reason -> why that is expected.
EXPECTED = {
    "devspace is not": "DevSpace comes from no package registry",
    "chromium is not installed": "a browser comes from no package registry",
    "has no IPv6": "a property of the machine",
    "no image is built": "BuildKit needs root and namespaces, which a job in a container does not have",
    "no C compiler": "it comes from no package registry",
    "the AWS provider is not": "it is no part of this repository, and 700 MB",
}

_unexpected: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note skips; with xdist this runs in the controlling process, which hears of all of them."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not any(part in reason for part in EXPECTED):
        _unexpected.append(f"{report.nodeid}: {reason}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if anything was skipped that should not have been."""
    if os.environ.get("MX_TEST_STRICT") and _unexpected and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which."""
    if os.environ.get("MX_TEST_STRICT") and _unexpected:
        terminalreporter.section("skipped, and must not be (MX_TEST_STRICT)", red=True)
        for line in _unexpected:
            terminalreporter.line(line)
