"""Fingerprints by which a CI server knows a finding again after lines have moved."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mxdev.lint.rule import Finding
from mxdev.system.files import plain


def fingerprints(findings: Sequence[Finding], root: Path) -> list[str]:
    """One for each finding, all different: from the rule, the file, the text of the line, and which of several it is.

    Not from the line's number, which any edit above it changes, nor from the message, which another version of the
    linter words differently.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    lines: dict[Path, list[bytes]] = {}
    result = []
    for finding in findings:
        if finding.path not in lines:
            lines[finding.path] = _lines(finding.path)
        text = (
            b"".join(lines[finding.path][finding.line - 1 : finding.line]).strip().decode("utf-8", "replace")
        )
        key = (finding.rule, location(finding.path, root), text)
        seen[key] += 1
        result.append(hashlib.sha256("\0".join((*key, str(seen[key]))).encode()).hexdigest()[:40])
    return result


def location(path: Path, start: Path) -> str:
    """`path` relative to `start`, with slashes, printable: odd bytes and control characters are replaced."""
    import os

    from mxdev.lint.context import readable

    try:
        text = readable(os.path.relpath(path, start)).replace(os.sep, "/")
    except ValueError:  # another drive
        text = readable(str(path))
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _lines(path: Path) -> list[bytes]:
    try:
        return plain.read(path).split(b"\n")
    except OSError:
        return []
