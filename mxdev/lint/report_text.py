"""Findings for a person: a table on a terminal, one line each elsewhere, and a summary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mxdev.lint.fingerprint import location
from mxdev.lint.rule import Finding
from mxdev.lint.runner import Report

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


def lines(report: Report, cwd: Path) -> Iterator[str]:
    """`path:line:col: rule severity message` for each finding; paths from `cwd`."""
    for finding in report.findings:
        yield f"{_place(finding, cwd)}: {finding.rule} {finding.severity} {_printable(finding.message)}"


def print_table(report: Report, cwd: Path) -> None:
    """A table on stdout, which is a terminal. Nothing for no findings."""
    if not report.findings:
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in ("Where", "Rule", "Severity"):
        table.add_column(name, overflow="fold")
    table.add_column("Message", overflow="fold", ratio=1)
    for finding in report.findings:  # Text, not str: names and messages are no markup
        link = Text(finding.rule, style=f"link {finding.url}" if finding.url else "")
        severity = Text(finding.severity, style=_COLOURS[finding.severity])
        table.add_row(Text(_place(finding, cwd)), link, severity, Text(_printable(finding.message)))
    Console().print(table)


def summary(report: Report) -> str:
    """What was found and who looked, in one line."""
    count, files = len(report.findings), len({finding.path for finding in report.findings})
    found = f"{_count(count, 'finding')} in {_count(files, 'file')}" if count else "no findings"
    if not report.checked:
        return f"{found}; there was no file to check"
    who = [f"{name} {version}" for name, version in sorted(report.programs.items())]
    return (
        f"{found}; checked {_count(len(report.checked), 'file')} with {', '.join([*who, 'the rules of mx'])}"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def missing(report: Report) -> Iterator[str]:
    """One line for each linter that is not there."""
    for one in report.missing:
        yield f"{one.tool} {one.reason}, so {_count(one.files, 'file')} went without it. Install it: {one.install}"


def _place(finding: Finding, cwd: Path) -> str:
    return f"{location(finding.path, cwd)}:{finding.line}:{finding.column}"


def _printable(text: str) -> str:
    """Without control characters: a file under test must not steer the terminal."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
