"""Findings for a person: a table on a terminal, one line each elsewhere, and a summary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mxdev.lint.reports.fingerprint import location
from mxdev.lint.rule import Finding
from mxdev.lint.runner import Report

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


def lines(report: Report, cwd: Path) -> Iterator[str]:
    """`path:line:col: rule severity message` for each finding; paths from `cwd`."""
    for finding in report.findings:
        yield f"{_place(finding, cwd)}: {finding.rule} {finding.severity} {_printable(finding.message)}"


def print_table(report: Report, cwd: Path) -> None:
    """A table for each file on stdout, which is a terminal; nothing for no findings."""
    if not report.findings:
        return
    from itertools import groupby

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    place, rule = (max(map(len, column)) for column in zip(*map(_columns, report.findings), strict=True))
    for path, findings in groupby(report.findings, key=lambda finding: finding.path):
        # Text, not str: names and messages are no markup.
        table = Table(
            title=Text(location(path, cwd), "bold"), title_justify="left", box=None, show_header=False
        )
        table.add_column(width=place, justify="right")
        table.add_column(width=max(map(len, _COLOURS)))
        table.add_column(overflow="fold", width=min(rule, console.width // 3))
        table.add_column(overflow="fold")
        for finding in findings:
            link = Text(finding.rule, f"link {finding.url}" if finding.url else "")
            severity = Text(finding.severity, _COLOURS[finding.severity])
            table.add_row(_columns(finding)[0], severity, link, Text(_printable(finding.message)))
        console.print(table)
    console.print()


def _columns(finding: Finding) -> tuple[str, str]:
    return f"{finding.line}:{finding.column}", finding.rule


def summary(report: Report) -> str:
    """What was found and who looked, in one line."""
    count, files = len(report.findings), len({finding.path for finding in report.findings})
    found = f"{_count(count, 'finding')} in {_count(files, 'file')}" if count else "no findings"
    what = [_count(len(report.checked), "file")] if report.checked else []
    what += ["the records of mx"] if report.projects else []
    if not what:
        return f"{found}; there was no file to check"
    who = [f"{name} {version}" for name, version in sorted(report.programs.items())]
    return f"{found}; checked {' and '.join(what)} with {', '.join([*who, 'the rules of mx'])}"


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
