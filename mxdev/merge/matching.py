"""Which lines of two texts are the same lines, in bounded time and in memory that grows with the number of lines."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

Block = tuple[int, int, int]
"""So many lines, from this one here and that one there, are the same."""
Line = TypeVar("Line", bytes, str)

# Up to here difflib is asked, which is exact and may take the square of it; beyond, lines that are there once part the texts.
_EXACT_LINES = 5_000
_EXACT_PAIRS = 1_000_000
_DEEPEST = 40


def matching(one: Sequence[Line], other: Sequence[Line]) -> list[Block]:
    """The matching blocks in order; neighbouring ones are joined.

    Example: `a b c d` and `a x c d` match in (0, 0, 1) and (2, 2, 2): the common head, then (nothing in `b` and `x`), then the common tail.

    What lies between head and tail is matched by difflib. Where that would take too long, the lines that occur just once on both sides
    part the texts (patience diff), and each gap between two of them is matched on its own. Of a large gap without such a line only the
    head and the tail match: then more counts as changed than need be, never less.
    """
    found: list[Block] = []
    for a, b, size in _blocks(one, other, 0, 0, 0):
        if found and found[-1][0] + found[-1][2] == a and found[-1][1] + found[-1][2] == b:
            found[-1] = (found[-1][0], found[-1][1], found[-1][2] + size)
        elif size:
            found.append((a, b, size))
    return found


def _blocks(one: Sequence[Line], other: Sequence[Line], at: int, there: int, depth: int) -> list[Block]:
    shorter = min(len(one), len(other))
    start = 0
    while start < shorter and one[start] == other[start]:
        start += 1
    end = 0
    while end < shorter - start and one[-1 - end] == other[-1 - end]:
        end += 1
    head, tail = (at, there, start), (at + len(one) - end, there + len(other) - end, end)
    inner, outer = one[start : len(one) - end], other[start : len(other) - end]
    middle: list[Block] = []
    if inner and outer and depth < _DEEPEST:
        middle = _middle(inner, outer, at + start, there + start, depth)
    return [head, *middle, tail]


def _middle(one: Sequence[Line], other: Sequence[Line], at: int, there: int, depth: int) -> list[Block]:
    counts, other_counts = Counter(one), Counter(other)
    pairs = sum(count * other_counts[line] for line, count in counts.items() if line in other_counts)
    if len(one) + len(other) <= _EXACT_LINES and pairs <= _EXACT_PAIRS:
        from difflib import SequenceMatcher

        matcher = SequenceMatcher(None, one, other, autojunk=False)
        return [(at + a, there + b, size) for a, b, size in matcher.get_matching_blocks()]
    places = {line: n for n, line in enumerate(other) if other_counts[line] == 1 and counts[line] == 1}
    pairs_in_order = [(n, places[line]) for n, line in enumerate(one) if line in places]
    found: list[Block] = []
    mine = theirs = 0
    anchors: list[tuple[int, int]] = _increasing(pairs_in_order)
    ends = [(len(one), len(other))] if anchors else []
    for a, b in anchors + ends:
        if a > mine or b > theirs:
            found += _blocks(one[mine:a], other[theirs:b], at + mine, there + theirs, depth + 1)
        found.append((at + a, there + b, 1 if a < len(one) else 0))
        mine, theirs = a + 1, b + 1
    return found


def _increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest run of pairs that is in order on both sides.

    Example: (0, 5), (1, 0), (2, 1) gives (1, 0), (2, 1). `ends[n]` is the least end of a run of n + 1 pairs: [5], then [0], then [0, 1].
    """
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for number, (_, there) in enumerate(pairs):
        length = bisect_left(ends, there)
        before.append(last[length - 1] if length else -1)
        if length == len(ends):
            ends.append(there)
            last.append(number)
        else:
            ends[length], last[length] = there, number
    found: list[tuple[int, int]] = []
    number = last[-1] if last else -1
    while number >= 0:
        found.append(pairs[number])
        number = before[number]
    return found[::-1]


def common_ends(sides: Sequence[bytes]) -> tuple[int, int]:
    """How many bytes at the start and at the end are whole lines that are the same on all sides; the two never overlap.

    Example: `a\\nb\\nc\\n` and `a\\nx\\nc\\n`: 2 and 2.
    """
    shortest = min(map(len, sides))
    head = _common(sides, shortest, lambda side, first, end: side[first:end])
    head = sides[0].rfind(b"\n", 0, head) + 1
    tail = _common(sides, shortest - head, lambda side, first, end: side[len(side) - end : len(side) - first])
    if tail and all(side[len(side) - tail - 1 : len(side) - tail] in (b"", b"\n") for side in sides):
        return head, tail
    line = sides[0].find(b"\n", len(sides[0]) - tail)
    return head, len(sides[0]) - line - 1 if line >= 0 and tail else 0


def _common(sides: Sequence[bytes], limit: int, piece: Callable[[bytes, int, int], bytes]) -> int:
    """How many bytes, counted from one end, are the same on all sides: steps that double, then halve."""
    done, step = 0, 1 << 16
    while step:
        end = min(done + step, limit)
        first, *rest = (piece(side, done, end) for side in sides)
        if end > done and all(other == first for other in rest):
            done = end
        else:
            step //= 2
    return done
