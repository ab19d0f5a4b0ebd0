"""The unified diff of a file."""

from __future__ import annotations

import re

_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # splitlines() would also part lines at form feeds


def difference(path: str, before: bytes | None, after: bytes | None) -> str:
    """A unified diff, or one line for what is not text."""
    heads = ("/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}")
    text = unified(heads, before or b"", after or b"")
    return f"Binary file {path} differs\n" if text is None else text


def unified(heads: tuple[str, str], before: bytes, after: bytes) -> str | None:
    """The hunks between two texts as `diff -u` writes them, below their names; nothing if they are the same.

    Args:
        heads: the names of both sides, as they are to stand there.
        before: the one text.
        after: the other.

    Returns:
        None if one of them is not text.
    """
    import difflib

    if b"\0" in before or b"\0" in after:
        return None
    try:
        old, new = (_LINE.findall(data.decode("utf-8")) for data in (before, after))
    except UnicodeDecodeError:
        return None
    lines = difflib.unified_diff(old, new, *heads)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
