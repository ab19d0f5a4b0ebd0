"""`mx lint --format gitlab`: a code quality report, as GitLab shows it in a merge request.

The form: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import json
from pathlib import Path

from mxdev.lint.reports.fingerprint import fingerprints, location
from mxdev.lint.runner import Report

SEVERITIES = {"error": "major", "warning": "minor", "info": "info"}


def render(report: Report, root: Path) -> str:
    """The list of findings. Paths are relative to `root`, the top of the repository."""
    marks = fingerprints(report.findings, root)
    return json.dumps(
        [
            {
                "description": finding.message,
                "check_name": finding.rule,
                "fingerprint": mark,
                "severity": SEVERITIES[finding.severity],
                "location": {"path": location(finding.path, root), "lines": {"begin": finding.line}},
            }
            for finding, mark in zip(report.findings, marks, strict=True)
        ],
        indent=2,
    )
