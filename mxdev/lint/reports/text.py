"""Findings for a person: a table on a terminal, one line each elsewhere, and a summary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mxdev.lint.reports.fingerprint import location
from mxdev.lint.rule import Finding
from mxdev.lint.runner import Report

# The columns that a message has at least beside the other three.
_LEAST_MESSAGE = 30
_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


def lines(report: Report, cwd: Path) -> Iterator[str]:
    """`path:line:col: rule severity message` for each finding; paths from `cwd`."""
    for finding in report.findings:
        yield f"{_place(finding, cwd)}: {finding.rule} {finding.severity} {_printable(finding.message)}"


def print_table(report: Report, cwd: Path) -> None:
    """A table on stdout, which is a terminal; nothing for no findings.

    `path:line:col` is one word, which terminals and editors open. Where it leaves no room for the message, that has a line of its own.
    """
    if not report.findings:
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    # Text, not str: names and messages are no markup.
    rows = [
        (
            Text(_place(finding, cwd), "bold"),
            Text(finding.severity, _COLOURS[finding.severity]),
            Text(finding.rule, f"link {finding.url}" if finding.url else ""),
            Text(_printable(finding.message)),
        )
        for finding in report.findings
    ]
    widths = [max(row[at].cell_len for row in rows) for at in range(3)]
    if sum(widths) + 2 * len(widths) + _LEAST_MESSAGE <= console.width:
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for width in widths:
            table.add_column(no_wrap=True, min_width=width)
        table.add_column(overflow="fold")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    else:
        for place, severity, rule, message in rows:
            console.print(place, soft_wrap=True)
            below = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
            below.add_column(no_wrap=True)
            below.add_column(overflow="fold")
            below.add_row(severity, Text.assemble(rule, " ", message))
            console.print(below)
    console.print()


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
