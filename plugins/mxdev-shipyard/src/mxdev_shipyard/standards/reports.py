"""What was found, for programs: JSON, and SARIF 2.1.0 as code-scanning servers take it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote

from mxdev_shipyard.standards.model import Repository, Standard
from mxdev_shipyard.standards.run import Result, document


def as_json(repository: Repository, code: int, results: Sequence[Result]) -> str:
    """One object: the repository, the exit code, and each test with its standard, outcome and message."""
    rows = [
        {
            "standard": result.standard.number,
            "title": result.standard.title,
            "test": result.test,
            "outcome": result.outcome,
            "message": result.message,
        }
        for result in results
    ]
    return (
        json.dumps({"version": 1, "repository": repository.name, "code": code, "tests": rows}, indent=2)
        + "\n"
    )


def as_sarif(standards: Sequence[Standard], results: Sequence[Result]) -> str:
    """One run whose rules are the standards; what is waived is a suppressed result."""
    rules = [
        {
            "id": _id(standard),
            "shortDescription": {"text": standard.title},
            "fullDescription": {"text": standard.reason},
            "help": {"text": standard.fix},
            "helpUri": f"{document()}#{standard.anchor}",
        }
        for standard in standards
    ]
    shown = [_result(result) for result in results if result.outcome in ("failed", "broken", "waived")]
    driver = {"name": "snitch", "rules": rules}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": shown}],
    }
    return json.dumps(log, indent=2) + "\n"


def _id(standard: Standard) -> str:
    return f"STANDARD-{standard.number:02}"


def _result(result: Result) -> dict[str, object]:
    path, line, sentence = result.place if result.outcome == "failed" else ("", None, result.message)
    place: dict[str, object] = {"artifactLocation": {"uri": quote(path or "README.md")}}
    if line:
        place["region"] = {"startLine": line}
    found: dict[str, object] = {
        "ruleId": _id(result.standard),
        "level": "error",
        "message": {"text": sentence or result.standard.title},
        "locations": [{"physicalLocation": place}],
    }
    if result.outcome == "waived":
        found["suppressions"] = [{"kind": "external", "justification": result.message}]
    return found
