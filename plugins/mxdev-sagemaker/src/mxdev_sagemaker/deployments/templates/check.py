#!/usr/bin/env python3
"""Check every file below deployments/: its name, and what its kind's schema says. All that is wrong is listed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

HERE = Path(__file__).resolve().parent
KINDS = ("rest", "async", "batch")
START = re.compile(r"cron\((\d+) (\d+) ")


def findings(root: Path) -> Iterator[str]:
    """What is wrong with the files below `root`/deployments, a sentence each."""
    for path in sorted((root / "deployments").rglob("*")):
        if path.is_file() and path.name != ".gitkeep":
            where = path.relative_to(root)
            for told in of_file(root, path):
                yield f"{where}: {told}"


def of_file(root: Path, path: Path) -> Iterator[str]:
    """What is wrong with one file."""
    kind = path.parent.name
    if path.parent.parent != root / "deployments" or kind not in KINDS or path.suffix != ".json":
        yield "Terraform reads deployments/KIND/MODEL-VERSION.json only; KIND is rest, async or batch"
        return
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        yield f"it is no JSON: {error}"
        return
    schema = json.loads((root / f"schemas/{kind}.schema.json").read_text(encoding="utf-8"))
    wrong = list(jsonschema.Draft202012Validator(schema).iter_errors(data))
    for error in sorted(wrong, key=lambda one: list(one.path)):
        # A pattern alone tells nobody what is meant by it.
        meant = error.schema.get("description", "") if error.validator == "pattern" else ""
        where = ".".join(str(part) for part in error.path) or "it"
        yield f"{where}: {error.message}{f'. {meant}' if meant else ''}"
    if not wrong:
        yield from of_values(kind, path, data)


def of_values(kind: str, path: Path, data: dict[str, Any]) -> Iterator[str]:
    """What no schema can say."""
    name = f"{data['model']}-{data['version']}.json"
    if path.name != name:
        yield f"it must be called {name}, as the model and version in it"
    if kind == "rest" and data.get("max_count", 50) < data.get("count", 1):
        yield "max_count is less than count"
    if kind == "batch":
        start = START.match(data["schedule"])
        minute, hour = (int(start[1]), int(start[2])) if start else (0, 0)
        if f"{hour:02}:{minute:02}" >= data["done_by"]:
            yield f"it starts at {hour:02}:{minute:02}, and cannot be done by {data['done_by']} of that day"


def main() -> int:
    """Print what is wrong; the exit code."""
    found = list(findings(HERE))
    print("\n".join(found) or "Every deployment is as its schema says.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
