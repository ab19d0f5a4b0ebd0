"""The unified diff of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mxdev.merge.matching import common_ends, matching

_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # splitlines() would also part lines at form feeds
_BYTES = re.compile(rb"[^\n]*\n|[^\n]+")
# In what is larger only what lies between the common ends is parted into lines, in bounded time.
_LARGE = 1_000_000
_CONTEXT = 3


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
    if b"\0" in before or b"\0" in after:
        return None
    if len(before) + len(after) > _LARGE:
        try:
            hunks = "".join(_of_large(before, after))
        except UnicodeDecodeError:
            return None
        return hunks and f"--- {heads[0]}\n+++ {heads[1]}\n{hunks}"
    import difflib

    try:
        old, new = (_LINE.findall(data.decode("utf-8")) for data in (before, after))
    except UnicodeDecodeError:
        return None
    lines = difflib.unified_diff(old, new, *heads)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _of_large(before: bytes, after: bytes) -> Iterator[str]:
    """The hunks between two large texts, in a small multiple of their size.

    Raises:
        UnicodeDecodeError: one of them is not text.
    """
    head, tail = common_ends((before, after))
    for data in (before[:head], before[len(before) - tail :]):
        data.decode("utf-8")
    above = _BYTES.findall(before, _start_of_lines(before, head), head)
    below = _BYTES.findall(before, len(before) - tail, _end_of_lines(before, len(before) - tail))
    middles = [data[head : len(data) - tail] for data in (before, after)]
    # Where nothing stands on the other side, all of it is one piece, of however many lines.
    old, new = ([*above, *(_BYTES.findall(m) if all(middles) else [m] if m else []), *below] for m in middles)
    yield from _hunks(old, new, before.count(b"\n", 0, head) - len(above))


def _start_of_lines(data: bytes, at: int) -> int:
    """Where the lines of context before `at`, which is the start of a line, begin."""
    for _ in range(_CONTEXT):
        at = data.rfind(b"\n", 0, max(at - 1, 0)) + 1
    return at


def _end_of_lines(data: bytes, at: int) -> int:
    """Where the lines of context from `at` on end."""
    for _ in range(_CONTEXT):
        at = data.find(b"\n", at) + 1 or len(data)
    return at


def _hunks(old: Sequence[bytes], new: Sequence[bytes], first: int) -> Iterator[str]:
    """The hunks between pieces of one or more whole lines, below so many lines that are the same."""
    groups: list[list[tuple[int, int, int, int]]] = []
    mine = theirs = 0
    for a, b, size in [*matching(old, new), (len(old), len(new), 0)]:
        if a > mine or b > theirs:
            if groups and mine - groups[-1][-1][1] <= 2 * _CONTEXT:
                groups[-1].append((mine, a, theirs, b))
            else:
                groups.append([(mine, a, theirs, b)])
        mine, theirs = a + size, b + size
    at = there = 0
    line = other = first
    for group in groups:
        start, end = max(group[0][0] - _CONTEXT, 0), min(group[-1][1] + _CONTEXT, len(old))
        begin, stop = group[0][2] - (group[0][0] - start), group[-1][3] + end - group[-1][1]
        line += _lines(old[at:start])
        other += _lines(new[there:begin])
        many, more = _lines(old[start:end]), _lines(new[begin:stop])
        yield f"@@ -{_range(line, many)} +{_range(other, more)} @@\n"
        at = start
        for a, b, c, d in group:
            yield _marked(" ", old[at:a]) + _marked("-", old[a:b]) + _marked("+", new[c:d])
            at = b
        yield _marked(" ", old[at:end])
        at, there, line, other = end, stop, line + many, other + more


def _lines(pieces: Sequence[bytes]) -> int:
    return sum(piece.count(b"\n") + (not piece.endswith(b"\n")) for piece in pieces)


def _range(before: int, count: int) -> str:
    """`first,count` as `diff -u` writes it: of one line without the count, of none with the line before."""
    return str(before + 1) if count == 1 else f"{before + (count > 0)},{count}"


def _marked(sign: str, pieces: Sequence[bytes]) -> str:
    """The lines of the pieces, each below its sign."""
    if not pieces:
        return ""
    text = b"".join(pieces).decode("utf-8")
    ended = text.endswith("\n")
    body = sign + (text[:-1] if ended else text).replace("\n", f"\n{sign}")
    return f"{body}\n" if ended else f"{body}\n\\ No newline at end of file\n"
