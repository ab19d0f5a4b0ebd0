"""`mx lint --format json`: one object, for scripts."""

from __future__ import annotations

import json
from pathlib import Path

from mxdev.lint.reports.fingerprint import fingerprints, location
from mxdev.lint.runner import Report

VERSION = 1


def render(report: Report, root: Path, cwd: Path) -> str:
    """Everything that the run found out; paths are relative to `cwd`, as in the text."""
    marks = fingerprints(report.findings, root)
    return json.dumps(
        {
            "version": VERSION,
            "findings": [
                {
                    "path": location(finding.path, cwd),
                    "line": finding.line,
                    "column": finding.column,
                    "rule": finding.rule,
                    "severity": finding.severity,
                    "message": finding.message,
                    "url": finding.url or None,
                    "fingerprint": mark,
                }
                for finding, mark in zip(report.findings, marks, strict=True)
            ],
            "checked": len(report.checked),
            "linters": dict(sorted(report.programs.items())),
            "missing": [vars(one) for one in report.missing],
            "broken": [vars(one) for one in report.broken],
            "fixed": [location(path, cwd) for path in report.fixed],
        },
        indent=2,
    )
