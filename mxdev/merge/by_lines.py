"""Three-way merge by lines (diff3), and the conflict markers it leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mxdev.errors import Refused
from mxdev.merge.matching import Block, common_ends, matching

OURS = "<<<<<<< yours"
BETWEEN = "======="
THEIRS = ">>>>>>> generator"
_BOM = b"\xef\xbb\xbf"
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
LARGE = 1 << 20
"""From so many bytes (all sides together) on, what all sides start and end with is not even cut into lines."""
LARGEST = 256 << 20
"""So many bytes (all sides together, without what they start and end with) are merged; more are left to a person."""


@dataclass(frozen=True)
class Merge:
    """The outcome of a merge.

    Attributes:
        data: the merged file; with conflict markers if it is not clean; `ours` if it is not mergeable.
        clean: whether nothing is left for a person to decide.
        mergeable: False for what no markers can stand in: binary files, and files of more than `LARGEST` bytes.
        reason: why it is not clean, where that is not that both sides changed the same place.
    """

    data: bytes
    clean: bool
    mergeable: bool = True
    reason: str = ""


def merge_lines(base: bytes | None, ours: bytes, theirs: bytes) -> Merge:
    """diff3 by lines; arguments as those of `merge_file`.

    The same change on both sides is clean; changes of the same or of adjacent lines are a conflict. Lines are compared without their line
    breaks.
    """
    if ours == theirs:
        return Merge(ours, True)
    if base is not None and theirs == base:
        return Merge(ours, True)
    if base is not None and ours == base:
        return Merge(theirs, True)
    if any(b"\0" in side for side in (base or b"", ours, theirs)):
        return Merge(ours, False, mergeable=False)
    sides = [side for side in (base, ours, theirs) if side is not None]
    bom = _BOM if ours.startswith(_BOM) else b""
    head = tail = 0
    if sum(map(len, sides)) > LARGE:
        sides = [side.removeprefix(_BOM) for side in sides]
        head, tail = common_ends(sides)
    first, last = sides[-1][:head], sides[-1][len(sides[-1]) - tail :]
    sides = [side[head : len(side) - tail] for side in sides]
    size = sum(map(len, sides))
    if size > LARGEST:
        limit = f"it is too large to be merged ({size >> 20} MB differ, {LARGEST >> 20} MB can be merged)"
        return Merge(ours, False, mergeable=False, reason=limit)
    newline = _newline(ours) or _newline(theirs) or b"\n"
    data, clean = _merged(sides, newline)
    if not clean and not last.endswith(b"\n"):
        last += newline if last else b""
    if clean and not last and not (ours.removeprefix(_BOM) or theirs).endswith(b"\n"):
        data = re.sub(rb"\r?\n\Z", b"", data)
    return Merge(b"".join([bom, first, data, last]), clean)


def _merged(sides: list[bytes], newline: bytes) -> tuple[bytes, bool]:
    """Base (if there is one), ours and theirs, merged, and whether that is clean; every line has a line break."""
    *bases, mine, its = (_Side(side) for side in sides)
    chunks = _diff3(bases[0].lines, mine.lines, its.lines) if bases else _diff2(mine.lines, its.lines)
    out: list[bytes] = []
    clean = True
    for kind, (first, end), (its_first, its_end) in chunks:
        if kind == "ours":
            out += mine.text(first, end, newline)
        elif kind == "theirs":
            out += [line + newline for line in its.lines[its_first:its_end]]
        else:
            clean = False
            out += [OURS.encode() + newline, *mine.text(first, end, newline), BETWEEN.encode() + newline]
            out += [line + newline for line in its.lines[its_first:its_end]]
            out += [THEIRS.encode() + newline]
    return b"".join(out), clean


class _Side:
    """The lines of one side, without and with their line breaks."""

    def __init__(self, data: bytes) -> None:
        text = data.removeprefix(_BOM)
        # One line break for all, where all are the same: a list of them would be as long as the file.
        self._endings = [b"\n" if b"\n" in text else b""]
        if b"\r\n" in text:
            raw = _LINE.findall(text)
            self.lines = [line[:-2] if line.endswith(b"\r\n") else line.removesuffix(b"\n") for line in raw]
            self._endings = [line[len(content) :] for line, content in zip(raw, self.lines, strict=True)]
        else:
            self.lines = text.split(b"\n")
            if not self.lines[-1]:
                self.lines.pop()

    def text(self, first: int, end: int, newline: bytes) -> list[bytes]:
        """Lines with their line breaks; `newline` for one that has none."""
        if len(self._endings) < len(self.lines):
            ending = self._endings[0] or newline
            return [ending.join(self.lines[first:end]), ending] if end > first else []
        pairs = zip(self.lines[first:end], self._endings[first:end], strict=True)
        return [line + (ending or newline) for line, ending in pairs]


def _newline(data: bytes) -> bytes:
    """The line break that most lines have; nothing if there is none."""
    windows = data.count(b"\r\n")
    unix = data.count(b"\n") - windows
    return b"" if not windows and not unix else b"\r\n" if windows > unix else b"\n"


Span = tuple[int, int]
Chunk = tuple[str, Span, Span]


def _diff3(base: list[bytes], ours: list[bytes], theirs: list[bytes]) -> Iterator[Chunk]:
    """The chunks of a merge: lines that all three share part the text; what lies between is taken from who changed it.

    Example, one line a letter:

        base    a b c d e f
        ours    a X c d e f       b is X
        theirs  a b c d Y f       e is Y

        base and ours match in     a, c d e f
        base and theirs match in   a b c d, f
        all three share            a, c d, f

    Between `a` and `c`: base has b, ours X, theirs b. Theirs is as base, so ours it is: X. Between `d` and `f`: base e, ours e, theirs Y;
    ours is as base, so Y. Clean: a X c d Y f. Had ours changed e to Z, all three would differ there: a conflict of Z and Y.
    """
    at, our_at, their_at = 0, 0, 0
    for line, our_line, their_line, size in [
        *_shared(matching(base, ours), matching(base, theirs)),
        (len(base), len(ours), len(theirs), 0),
    ]:
        was = base[at:line]
        mine, its = ours[our_at:our_line], theirs[their_at:their_line]
        spans = (our_at, our_line), (their_at, their_line)
        if mine == its or its == was:
            yield "ours", *spans
        elif mine == was:
            yield "theirs", *spans
        else:
            yield from _conflict(mine, its, *spans)
        at, our_at, their_at = line + size, our_line + size, their_line + size
        yield "ours", (our_line, our_at), (their_line, their_at)


def _shared(in_ours: list[Block], in_theirs: list[Block]) -> Iterator[tuple[int, int, int, int]]:
    """The runs of lines that base, ours and theirs share: where each begins, and how long it is."""
    mine = its = 0
    while mine < len(in_ours) and its < len(in_theirs):
        (base, ours, size), (their_base, theirs, their_size) = in_ours[mine], in_theirs[its]
        first, end = max(base, their_base), min(base + size, their_base + their_size)
        if first < end:
            yield first, ours + first - base, theirs + first - their_base, end - first
        if base + size < their_base + their_size:
            mine += 1
        else:
            its += 1


def _conflict(mine: list[bytes], its: list[bytes], our_span: Span, their_span: Span) -> Iterator[Chunk]:
    """A conflict without the lines that both sides start or end with."""
    start = 0
    while start < min(len(mine), len(its)) and mine[start] == its[start]:
        start += 1
    end = 0
    while end < min(len(mine), len(its)) - start and mine[-1 - end] == its[-1 - end]:
        end += 1
    (first, last), (their_first, their_last) = our_span, their_span
    yield "ours", (first, first + start), (their_first, their_first + start)
    yield "conflict", (first + start, last - end), (their_first + start, their_last - end)
    yield "ours", (last - end, last), (their_last - end, their_last)


def _diff2(ours: list[bytes], theirs: list[bytes]) -> Iterator[Chunk]:
    """Without a base every difference is a conflict."""
    at, their_at = 0, 0
    for line, their_line, size in [*matching(ours, theirs), (len(ours), len(theirs), 0)]:
        if line > at or their_line > their_at:
            yield "conflict", (at, line), (their_at, their_line)
        at, their_at = line + size, their_line + size
        yield "ours", (line, at), (their_line, their_at)


def has_markers(data: bytes) -> list[int]:
    """The numbers (from 1) of the lines that are left-over conflict markers, in order.

    A `=======` alone is an underline in Markdown or reStructuredText: it counts only between `<<<<<<<` and `>>>>>>>`.
    """
    if b"<<<<<<<" not in data and b">>>>>>>" not in data:
        return []
    found: list[int] = []
    opened = False
    for number, line in enumerate(_Side(data).lines, start=1):
        if re.match(rb"<{7}(?: |$)", line):
            opened = True
            found.append(number)
        elif re.match(rb">{7}(?: |$)", line):
            opened = False
            found.append(number)
        elif opened and re.match(rb"={7}$|\|{7}(?: |$)", line):
            found.append(number)
    return found


def refuse_markers(files: Mapping[str, bytes], hint: str = "Resolve them first") -> None:
    """Refuse files in which a person still has to resolve conflict markers.

    Args:
        files: the bytes of each file.
        hint: what a person does first.

    Raises:
        Refused: naming the files and lines.
    """

    marked = [
        f"  {path}: line {', '.join(map(str, lines))}"
        for path, data in files.items()
        if (lines := has_markers(data))
    ]
    if marked:
        raise Refused(
            "These files still have conflict markers in them:\n" + "\n".join(marked),
            hint=f"{hint}, then run the command again.",
        )
