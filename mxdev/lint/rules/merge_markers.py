"""Conflict markers that a merge left behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mxdev.lint.context import Context
from mxdev.lint.rule import Finding, Rule

LARGEST = 5_000_000  # bytes; what is larger is data
ALLOW = b"mx-lint: allow merge-markers"


class MergeMarkers(Rule):
    """A file in which somebody still has to decide."""

    name = "merge-markers"
    summary = "Every text file: no conflict markers are left behind"

    def applies(self, files: Sequence[Path]) -> Sequence[Path]:
        """All files; what is not text is left out when it is read."""
        return files

    def check(self, context: Context) -> Iterator[Finding]:
        """One finding for each conflict, at its first marker."""
        from mxdev.merge.by_lines import has_markers

        for file in context.files:
            data = _text(file)
            if data is None or (b"<<<<<<<" not in data and b">>>>>>>" not in data) or ALLOW in data:
                continue
            lines = data.splitlines()
            numbers = has_markers(data)
            openings = [n for n in numbers if lines[n - 1].removeprefix(b"\xef\xbb\xbf").startswith(b"<")]
            for number in openings or numbers[:1]:
                yield Finding(
                    file, number, 1, self.name, "error",
                    "a conflict was never resolved; choose what is to stay and remove the markers",
                )  # fmt: skip


def _text(file: Path) -> bytes | None:
    """A file's bytes; None if it is not text, too large, or gone."""
    try:
        if file.stat().st_size > LARGEST:
            return None
        data = file.read_bytes()
    except OSError:
        return None
    return None if b"\0" in data[:8000] else data
