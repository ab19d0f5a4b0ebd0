#!/usr/bin/env python3
"""Zip each Lambda function beside this file into build/NAME.zip; the same code gives the same bytes."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def zip_function(source: Path, target: Path) -> None:
    """Write the Python files of the folder `source` into the zip `target`."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(source.glob("*.py")):
            entry = zipfile.ZipInfo(path.name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def main() -> int:
    """Zip all of them; the exit code."""
    build = HERE / "build"
    build.mkdir(exist_ok=True)
    for handler in sorted(HERE.glob("*/handler.py")):
        target = build / f"{handler.parent.name}.zip"
        zip_function(handler.parent, target)
        print(target.relative_to(HERE.parent))
    return 0


if __name__ == "__main__":
    sys.exit(main())
