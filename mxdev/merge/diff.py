"""The unified diff of a file."""

from __future__ import annotations

import re

_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # splitlines() would also part lines at form feeds


def difference(path: str, before: bytes | None, after: bytes | None) -> str:
    """A unified diff, or one line for what is no text."""
    import difflib

    if b"\0" in (before or b"") + (after or b""):
        return f"Binary file {path} differs\n"
    try:
        old, new = (_LINE.findall(data.decode("utf-8")) if data else [] for data in (before, after))
    except UnicodeDecodeError:
        return f"Binary file {path} differs\n"
    heads = ("/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}")
    lines = difflib.unified_diff(old, new, *heads)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
