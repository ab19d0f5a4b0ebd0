"""Three-way merge by lines (diff3), and the conflict markers it leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mxdev.errors import Refused

OURS = "<<<<<<< yours"
BETWEEN = "======="
THEIRS = ">>>>>>> generator"
_BOM = b"\xef\xbb\xbf"
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class Merge:
    """The outcome of a merge.

    Attributes:
        data: the merged file; with conflict markers if it is not clean; `ours` if it is not mergeable.
        clean: whether nothing is left for a person to decide.
        mergeable: False for binary files, in which no markers can stand.
    """

    data: bytes
    clean: bool
    mergeable: bool = True


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
    newline = _newline(ours) or _newline(theirs) or b"\n"
    mine, its = _Side(ours), _Side(theirs)
    chunks = (
        _diff2(mine.lines, its.lines) if base is None else _diff3(_Side(base).lines, mine.lines, its.lines)
    )
    lines: list[bytes] = []
    clean = True
    for kind, (first, end), (its_first, its_end) in chunks:
        our_lines = [line + (ending or newline) for line, ending in mine.both[first:end]]
        their_lines = [line + newline for line in its.lines[its_first:its_end]]
        if kind == "conflict":
            clean = False
            lines += [OURS.encode() + newline, *our_lines, BETWEEN.encode() + newline]
            lines += [*their_lines, THEIRS.encode() + newline]
        else:
            lines += our_lines if kind == "ours" else their_lines
    data = b"".join(lines)
    final = mine if mine.lines else its
    if clean and not final.ends:
        data = re.sub(rb"\r?\n\Z", b"", data)
    return Merge((_BOM if mine.bom else b"") + data, clean)


class _Side:
    """The lines of one side, without and with their line breaks."""

    def __init__(self, data: bytes) -> None:
        self.bom = data.startswith(_BOM)
        self.both: list[tuple[bytes, bytes]] = []
        for line in _LINE.findall(data.removeprefix(_BOM)):
            content = line[:-2] if line.endswith(b"\r\n") else line.removesuffix(b"\n")
            self.both.append((content, line[len(content) :]))
        self.lines = [content for content, _ in self.both]
        self.ends = data.endswith(b"\n")


def _newline(data: bytes) -> bytes:
    """The line break that most lines have; nothing if there is none."""
    windows = data.count(b"\r\n")
    unix = data.count(b"\n") - windows
    return b"" if not windows and not unix else b"\r\n" if windows > unix else b"\n"


Span = tuple[int, int]
Chunk = tuple[str, Span, Span]


def _matches(one: list[bytes], other: list[bytes]) -> dict[int, int]:
    """Which line of the one side is which line of the other, in order."""
    from difflib import SequenceMatcher

    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    found = {n: n for n in range(start)}
    matcher = SequenceMatcher(
        None, one[start : len(one) - end], other[start : len(other) - end], autojunk=False
    )
    for a, b, size in matcher.get_matching_blocks():
        found.update({start + a + n: start + b + n for n in range(size)})
    found.update({len(one) - n: len(other) - n for n in range(1, end + 1)})
    return found


def _diff3(base: list[bytes], ours: list[bytes], theirs: list[bytes]) -> Iterator[Chunk]:
    """The chunks of a merge: lines that all three share part the text; what lies between is taken from who changed it."""
    in_ours, in_theirs = _matches(base, ours), _matches(base, theirs)
    at, our_at, their_at = 0, 0, 0
    shared = [(n, in_ours[n], in_theirs[n]) for n in range(len(base)) if n in in_ours and n in in_theirs]
    for line, our_line, their_line in [*shared, (len(base), len(ours), len(theirs))]:
        was = base[at:line]
        mine, its = ours[our_at:our_line], theirs[their_at:their_line]
        spans = (our_at, our_line), (their_at, their_line)
        if mine == its or its == was:
            yield "ours", *spans
        elif mine == was:
            yield "theirs", *spans
        else:
            yield from _conflict(mine, its, *spans)
        if line < len(base):
            yield "ours", (our_line, our_line + 1), (their_line, their_line + 1)
        at, our_at, their_at = line + 1, our_line + 1, their_line + 1


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
    matches = _matches(ours, theirs)
    at, their_at = 0, 0
    for line, their_line in [*sorted(matches.items()), (len(ours), len(theirs))]:
        if line > at or their_line > their_at:
            yield "conflict", (at, line), (their_at, their_line)
        yield "ours", (line, line + 1), (their_line, their_line + 1)
        at, their_at = line + 1, their_line + 1


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


def refuse_markers(files: Mapping[str, bytes]) -> None:
    """Refuse files in which a person still has to resolve conflict markers.

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
            hint="Resolve them first, then run the command again.",
        )
