"""Files that are too large for a linter: it would be busy with one for minutes, and take gigabytes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mxdev.lint.rule import Finding


def divide(files: Iterable[Path], largest: int) -> tuple[list[Path], list[Path]]:
    """The files of at most `largest` bytes, and those that are larger."""
    fitting: list[Path] = []
    large: list[Path] = []
    for file in files:
        (large if size(file) > largest else fitting).append(file)
    return fitting, large


def size(file: Path) -> int:
    """How many bytes a file has; 0 if that cannot be said."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def finding(rule: str, file: Path, largest: int, remedy: str) -> Finding:
    """What is said of a file that is not looked at.

    Args:
        rule: the name of the rule.
        file: the file.
        largest: how many bytes it may have.
        remedy: what to do beside dividing it.
    """
    bound = f"{largest >> 20} MB" if largest >= 1 << 20 else f"{largest >> 10} KB"
    what = f"more than {bound} are not checked: divide the file, or {remedy}"
    return Finding(file, 1, 1, f"{rule}/large", "error", what)
