"""`mx lint --format sarif`: SARIF 2.1.0 (OASIS), as code-scanning servers take it.

One run: GitHub refuses several runs of one tool in a file. https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mxdev.lint.registry import Known
from mxdev.lint.reports.fingerprint import fingerprints, location
from mxdev.lint.rule import Finding
from mxdev.lint.runner import Report
from mxdev.version import __version__

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def render(report: Report, root: Path, rules: Sequence[Known], *, code: int) -> str:
    """The log file. Paths are relative to `root`; linters that are missing or broke are notifications of the run.

    Args:
        report: what was found.
        root: the top of the repository.
        rules: the rules that ran, for their descriptions.
        code: the exit code of the command.
    """

    summaries = {known.name: known.rule.summary for known in rules}
    ids = sorted({finding.rule for finding in report.findings})
    index = {rule: at for at, rule in enumerate(ids)}
    urls = {finding.rule: finding.url for finding in report.findings if finding.url}
    driver: dict[str, Any] = {
        "name": "mx lint",
        "semanticVersion": __version__,
        "rules": [_rule(rule, summaries, urls) for rule in ids],
    }
    invocation: dict[str, Any] = {
        "executionSuccessful": not report.broken,
        "exitCode": code,
        "toolExecutionNotifications": [
            *(_notification("error", f"{one.rule}: {one.message}") for one in report.broken),
            *(
                _notification("warning", f"{one.tool} {one.reason}. Install it: {one.install}")
                for one in report.missing
            ),
        ],
    }
    marks = fingerprints(report.findings, root)
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(finding, root, index[finding.rule], mark)
            for finding, mark in zip(report.findings, marks, strict=True)
        ],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(rule: str, summaries: dict[str, str], urls: dict[str, str]) -> dict[str, Any]:
    summary = summaries.get(rule) or summaries.get(rule.partition("/")[0]) or rule
    described: dict[str, Any] = {"id": rule, "shortDescription": {"text": summary}}
    if rule in urls:
        described["helpUri"] = urls[rule]
    return described


def _result(finding: Finding, root: Path, index: int, mark: str) -> dict[str, Any]:
    place = {"uri": quote(location(finding.path, root)), "uriBaseId": "%SRCROOT%"}
    region = {"startLine": finding.line, "startColumn": finding.column}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": {"artifactLocation": place, "region": region}}],
        "partialFingerprints": {"mxLint/v1": mark},
    }


def _notification(level: str, text: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": text}}
