"""Where the sections of a YAML document stand, and where a new one goes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mxdev.errors import MxError
from mxdev.sections.address import Key, Step, Steps, siblings, unparse
from mxdev.sections.yaml_document import Document, Node

# A first block of comments with such a line is the head of the file, not the comment of its first key.
_HEAD = re.compile(
    r"#!|#.*(?:yaml-language-server|spdx|copyright|licen[cs]e|vim:|-\*-|yamllint )", re.IGNORECASE
)


@dataclass(frozen=True)
class Place:
    """How far an address can be followed in a document."""

    nodes: tuple[Node | None, ...]
    """The root and the node of each step that is there."""
    positions: tuple[int, ...]
    """For each step that is there, its number in its container."""

    @property
    def depth(self) -> int:
        """How many steps are there."""
        return len(self.positions)


def find(document: Document, steps: Steps) -> Place:
    """Follows an address as far as it goes; an alias ends the way.

    Raises:
        MxError: two items of a list answer to a step.
    """
    nodes: list[Node | None] = [document.root]
    positions: list[int] = []
    for step in steps:
        number = position(document, nodes[-1], step)
        if number is None:
            break
        node = nodes[-1]
        assert node is not None
        positions.append(number)
        nodes.append(node.entries[number][1] if isinstance(step, Key) else node.items[number])
    return Place(tuple(nodes), tuple(positions))


def position(document: Document, node: Node | None, step: Step) -> int | None:
    """The number of the entry or item of a node that a step means; None if it is not there.

    Raises:
        MxError: there are several.
    """
    if node is None:
        return None
    if isinstance(step, Key):
        found = [
            n for n, (key, _) in enumerate(node.entries) if key.kind == "scalar" and key.value == step.name
        ]
    else:
        found = [
            n
            for n, item in enumerate(node.items)
            if any(
                k.value == step.key and v.kind == "scalar" and v.value == step.value for k, v in item.entries
            )
        ]
    if len(found) > 1:
        lines = ", ".join(str(document.line_of(child(node, n).start) + 1) for n in found)
        raise MxError(
            f"{document.path}: `{unparse([step])}` is there several times (lines {lines}).",
            hint="Remove all but one, then run the command again. Nothing was changed.",
        )
    return found[0] if found else None


def child(node: Node, number: int) -> Node:
    """The key of an entry, or an item."""
    return node.entries[number][0] if node.kind == "mapping" else node.items[number]


@dataclass(frozen=True)
class Region:
    """The lines `first` to `last` of a section, whose key or dash stands at `column`."""

    first: int
    last: int
    column: int


def region(document: Document, container: Node, number: int) -> Region | None:
    """The lines of the entry or item with that number; None if they are not its own (flow style, `- key:`, `? key`)."""
    if container.flow:
        return None
    if container.kind == "mapping":
        key, value = container.entries[number]
        if not document.own_line(key):
            return None
        first, column = document.line_of(key.start), document.column_of(key.start)
        last = document.last_line(key if value.empty and value.end < key.end else value, column)
    else:
        dash = document.dash_line(container, number)
        if dash is None:
            return None
        first, column = dash, document.indent(dash)
        last = document.last_line(container.items[number], column)
    return Region(first, last, column)


def raw(document: Document, place: Region) -> str:
    """The lines of a region moved to the left edge, with `\\n` line breaks."""
    return shift(
        [line.rstrip("\r\n") for line in document.lines[place.first : place.last + 1]], -place.column
    )


def shift(lines: Iterable[str], columns: int) -> str:
    """Lines moved to the right, or (negative) to the left as far as there are spaces."""
    if columns >= 0:
        return "".join((" " * columns + line if line else "") + "\n" for line in lines)
    return "".join(re.sub(f"^ {{0,{-columns}}}", "", line) + "\n" for line in lines)


def own_step(document: Document, node: Node | None, column: int) -> int | None:
    """By how many spaces a value at a key in `column` is indented; None if that does not show."""
    if node is None or node.flow or node.kind != "mapping":
        return None
    step = document.column_of(node.entries[0][0].start) - column
    return step if 2 <= step <= 8 else None


def steps_in(text: str) -> list[int]:
    """The indentations other than 2 that a section's text at the left edge may be written with."""
    found = {int(digit) for digit in re.findall(r"[|]([3-8])-?$", text, re.MULTILINE)}
    before = 0
    for line in text.split("\n"):
        if content := line.lstrip(" "):
            found.add(len(line) - len(content) - before)
            dashes = re.match(r"(?:- )*", content)
            before = len(line) - len(content) + (dashes.end() if dashes else 0)
    return sorted(found & set(range(3, 9)))


def step_at(document: Document, place: Place, depth: int) -> int:
    """By how many spaces a new entry of the container at `depth` is to be indented: as its siblings, else as the file, else 2."""
    for node in (*reversed(place.nodes[: depth + 1]), None):
        if node is None or node.kind != "mapping" or node.flow:
            continue
        for key, value in node.entries:
            step = own_step(document, value, document.column_of(key.start))
            if step is not None:
                return step
    return 2


def place_for(
    document: Document, place: Place, steps: Steps, order: Sequence[str], step: int, fragment: str
) -> tuple[int, int]:
    """The line before which a new entry goes, and its column."""
    depth = place.depth
    container = place.nodes[-1]
    if container is None or container.empty:
        if depth == 0:
            return document.end_line, 0
        parent, number = place.nodes[-2], place.positions[-1]
        assert parent is not None
        there = region(document, parent, number)
        if there is None:
            raise shares_a_line(document, child(parent, number), steps, fragment)
        return there.last + 1, there.column + step
    regions = [region(document, container, n) for n in range(len(container.entries) + len(container.items))]
    column = _column(document, container, regions)
    if column is None:
        raise shares_a_line(document, child(container, 0), steps, fragment)
    wanted = siblings(order, steps[:depth])
    if steps[depth] in wanted:
        mine = wanted.index(steps[depth])
        for step_before in reversed(wanted[:mine]):
            number_before = position(document, container, step_before)
            there = regions[number_before] if number_before is not None else None
            if there is not None:
                return there.last + 1, column
        for step_after in wanted[mine + 1 :]:
            number_after = position(document, container, step_after)
            there = regions[number_after] if number_after is not None else None
            if there is not None:
                return _above_comments(document, there), column
    last = regions[-1]
    if last is None:  # it stands behind a dash or a `?`: its last line is found all the same
        node = container.entries[-1][1] if container.entries else container.items[-1]
        return document.last_line(node, column) + 1, column
    return last.last + 1, column


def _column(document: Document, container: Node, regions: Sequence[Region | None]) -> int | None:
    """Where the keys or dashes of a block stand; None if no line shows it."""
    for there in regions:
        if there is not None:
            return there.column
    if container.kind == "mapping" and not container.anchor and not container.tag:
        return document.column_of(container.start)  # behind a dash, or at a `?`
    return None


def _above_comments(document: Document, there: Region) -> int:
    """The line above the comments that stand directly over an entry; a head of the file stays on top."""
    line = there.first
    while line > 0:
        text = document.lines[line - 1]
        if not text.lstrip(" ").startswith("#") or document.indent(line - 1) != there.column:
            break
        line -= 1
    if line == 0 and any(_HEAD.match(text) for text in document.lines[: there.first]):
        return there.first
    return line


def paste(fragment: str | None, where: str) -> str:
    """What a person can do where mx does not edit: rewrite the place, or paste the fragment."""
    if not fragment:
        return "Make the change by hand, or rewrite that place in block style. Nothing was changed."
    return (
        f"Rewrite that place in block style and run the command again, or paste this {where}:\n\n{fragment}"
    )


def shares_a_line(document: Document, node: Node, steps: Steps, fragment: str | None) -> MxError:
    """The error for a section that does not stand on lines of its own (`- key:`, `{key: …}`, `? key`)."""
    line = document.line_of(node.start) + 1
    return MxError(
        f"{document.path}:{line}: {unparse(steps)} does not have its lines for itself ({snippet(document, node)}).",
        hint=paste(fragment, f"there (line {line})"),
    )


def snippet(document: Document, node: Node) -> str:
    """The beginning of a node's text, on one line."""
    text = " ".join(document.text[node.start : node.end].split())
    return f"`{text[:60]}{'…' if len(text) > 60 else ''}`"
