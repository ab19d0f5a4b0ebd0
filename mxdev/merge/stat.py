"""How much of which file changed, as `git diff --stat` shows it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Counted:
    """What changed in one file.

    Attributes:
        name: the path, as it is to be shown; for a rename both, see `renamed`.
        added: the lines that came, or for a binary file its size in bytes afterwards.
        deleted: the lines that went, or for a binary file its size in bytes before.
        binary: it is not text.
    """

    name: str
    added: int
    deleted: int
    binary: bool = False


def of_hunks(text: str) -> tuple[int, int]:
    """The lines that a unified diff adds and deletes; its two lines of names do not count."""
    body = text.find("\n", text.find("\n") + 1)  # before the first hunk
    return text.count("\n+", body), text.count("\n-", body)


def renamed(old: str, new: str) -> str:
    """`src/{one => two}/file.py`: the folders that both have in common stand once (git's diff.c, `pprint_rename`)."""
    before, after = old.split("/"), new.split("/")
    short = min(len(before), len(after)) - 1
    head = next((at for at in range(short) if before[at] != after[at]), short)
    last = min(len(before), len(after)) - head if head else short
    tail = next((at for at in range(last) if before[-1 - at] != after[-1 - at]), last)
    if not head and not tail:
        return f"{old} => {new}"
    parts = ("/".join(names[head : len(names) - tail]) for names in (before, after))
    start, end = "/".join(before[:head]), "/".join(before[len(before) - tail :])
    return f"{start}{'/' if head else ''}{{{' => '.join(parts)}}}{'/' if tail else ''}{end}"


def lines(
    files: Sequence[Counted], width: int, paint: Callable[[str, str], str] = lambda text, colour: text
) -> list[str]:
    """The table, with its last line; nothing for no files (git's diff.c, `show_stats`).

    Args:
        files: in order.
        width: the columns that a line may take.
        paint: colours a text.
    """
    if not files:
        return []
    texts = [one for one in files if not one.binary]
    largest = max((one.added + one.deleted for one in texts), default=0)
    sizes = [len(f"{one.added}{one.deleted}") + 14 for one in files if one.binary]
    digits = max(len(str(largest)), 3 if sizes else 0)
    names, graph = _widths(files, max(width, 22 + digits), digits, largest, max(sizes, default=0))
    table = []
    for one in files:
        name = _shortened(one.name, names)
        head = f" {name}{' ' * (names - _columns(name))} | "
        if one.binary:
            before, after = paint(str(one.deleted), "red"), paint(str(one.added), "green")
            table.append(f"{head}{'Bin':>{digits}} {before} -> {after} bytes")
            continue
        plus, minus = _scaled(one.added, one.deleted, graph, largest)
        bar = paint("+" * plus, "green") * bool(plus) + paint("-" * minus, "red") * bool(minus)
        table.append(f"{head}{one.added + one.deleted:>{digits}}{' ' if bar else ''}{bar}")
    return [*table, _summary(len(files), sum(o.added for o in texts), sum(o.deleted for o in texts))]


def _summary(files: int, added: int, deleted: int) -> str:
    parts = [f" {files} file{'s' * (files != 1)} changed"]
    if added or not deleted:
        parts.append(f"{added} insertion{'s' * (added != 1)}(+)")
    if deleted or not added:
        parts.append(f"{deleted} deletion{'s' * (deleted != 1)}(-)")
    return ", ".join(parts)


def _widths(files: Sequence[Counted], width: int, digits: int, largest: int, binary: int) -> tuple[int, int]:
    """The columns of the names and of the bars: the bars give way first, to 3/8 of a line."""
    names = max(_columns(one.name) for one in files)
    graph = max(largest, binary - 4)
    if names + digits + 6 + graph <= width:
        return names, graph
    graph = min(graph, max(width * 3 // 8 - digits - 6, 6))
    rest = width - digits - 6
    return (rest - graph, graph) if names > rest - graph else (names, rest - names)


def _scaled(added: int, deleted: int, room: int, largest: int) -> tuple[int, int]:
    if room > largest:
        return added, deleted

    def scale(count: int) -> int:
        return 1 + count * (room - 1) // largest if count else 0

    total = max(scale(added + deleted), 2 if added and deleted else 0)
    if added < deleted:
        return scale(added), total - scale(added)
    return total - scale(deleted), scale(deleted)


def _shortened(name: str, room: int) -> str:
    """A name that is too long keeps its end, from a folder on if there is one."""
    if _columns(name) <= room:
        return name
    end = name
    while _columns(end) > room - 3:
        end = end[1:]
    return "..." + (end[end.index("/") :] if "/" in end else end)


def _columns(text: str) -> int:
    """The columns that a text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )
