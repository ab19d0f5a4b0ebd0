"""Surgical edits of sections in YAML: only the lines of the section change.

Every edit is made on lines and then checked: the new text is parsed and must be the old tree with just that change.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mxdev.errors import MxError
from mxdev.section_address import Item, Key, Step, Steps, siblings, unparse
from mxdev.yaml_document import BOM, Document, Node, nothing, same, with_entries, with_items

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
        number = _position(document, nodes[-1], step)
        if number is None:
            break
        node = nodes[-1]
        assert node is not None  # noqa: S101  (for the type checker: a position was found in it)
        positions.append(number)
        nodes.append(node.entries[number][1] if isinstance(step, Key) else node.items[number])
    return Place(tuple(nodes), tuple(positions))


def _position(document: Document, node: Node | None, step: Step) -> int | None:
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
        lines = ", ".join(str(document.line_of(_child(node, n).start) + 1) for n in found)
        raise MxError(
            f"{document.path}: `{unparse([step])}` is there several times (lines {lines}).",
            hint="Remove all but one, then run the command again. Nothing was changed.",
        )
    return found[0] if found else None


def _child(node: Node, number: int) -> Node:
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


# -- putting --------------------------------------------------------------------------------------------------


def put(
    document: Document,
    steps: Steps,
    fragment: str,
    wider: Any,
    order: Sequence[str],
    traces: Sequence[dict[str, Any]],
) -> tuple[str, dict[str, Any]]:
    """Inserts or replaces a section. Arguments and errors as those of `sections.put`.

    Args:
        document: the file as it is.
        steps: the address.
        fragment: the section at the left edge, ends with a line break.
        wider: a function (step) -> the fragment with that indentation.
        order: addresses in the wanted order.
        traces: what was recorded for the sections of this file.
    """
    place = find(document, steps)
    _refuse_parent(document, place, steps, fragment)
    trace = inherited(traces, steps)
    if place.depth == len(steps):
        return _replace(document, place, steps, fragment, wider), trace
    return _insert(document, place, steps, fragment, wider, order, trace)


def inherited(traces: Sequence[dict[str, Any]], steps: Steps) -> dict[str, Any]:
    """What a section takes over from the others: whoever leaves last takes back what the first one brought."""
    parents = [unparse(steps[:n]) for n in range(1, len(steps))]
    made = {c for trace in traces for c in trace.get("containers", ())}
    newline = {h for trace in traces for h in trace.get("newline", ())}
    result: dict[str, Any] = {}
    if any(trace.get("file") for trace in traces):
        result["file"] = True
    if containers := [p for p in parents if p in made]:
        result["containers"] = containers
    if newline:
        result["newline"] = sorted(newline)
    return result


def _replace(document: Document, place: Place, steps: Steps, fragment: str, wider: Any) -> str:
    container, node, number = place.nodes[-2], place.nodes[-1], place.positions[-1]
    assert container is not None  # noqa: S101
    there = region(document, container, number)
    if there is None:
        raise _shares_a_line(document, container, number, steps, fragment)
    step = own_step(document, node, there.column) or step_at(document, place, len(steps) - 1)
    text = wider(step)
    if raw(document, there) == text:
        return document.bom + document.text
    _refuse_aliased(document, there, steps)
    lines = shift(text.splitlines(), there.column).splitlines()
    ending = re.search(r"[\r\n]*$", document.lines[there.last])
    for closing in ([ending[0]] if ending else []) + [_newline(document, there.first)]:
        new = _spliced(document, there.first, there.last + 1, lines, closing)
        expected = _with(place.nodes, place.positions, parsed_fragment(document.path, text, steps))
        if (result := _verified(document, new, expected)) is not None:
            return result
    raise _cannot(document, steps, there.first, fragment)


def _insert(
    document: Document,
    place: Place,
    steps: Steps,
    fragment: str,
    wider: Any,
    order: Sequence[str],
    trace: dict[str, Any],
) -> tuple[str, dict[str, Any]]:
    depth = place.depth
    for missing in steps[depth:-1]:
        if isinstance(missing, Item):
            raise MxError(f"{document.path}: there is no {unparse(steps[: depth + 1])} to add to.")
    container = place.nodes[-1]
    step = step_at(document, place, depth)
    at, column = _where(document, place, steps, order, step)
    text = wider(step)
    made = steps[depth:-1]
    lines: list[str] = []
    for number, key in enumerate(made):
        assert isinstance(key, Key)  # noqa: S101
        lines.append(" " * (column + number * step) + _container_line(key))
    lines += shift(text.splitlines(), column + len(made) * step).splitlines()
    new = _spliced(document, at, at, lines, _newline(document, at))
    entry = parsed_fragment(document.path, text, steps)
    inner: tuple[Node, Node] | Node = entry
    for key in reversed(made):
        assert isinstance(key, Key)  # noqa: S101
        holder = _holder(inner)
        inner = (replace(_parsed_key(key)), holder)
    expected = _with_new(document, place, inner, at, steps[depth])
    result = _verified(document, new, expected)
    if result is None:
        raise _cannot(document, steps, min(at, len(document.lines)), fragment)
    if made:
        trace["containers"] = [
            *trace.get("containers", ()),
            *(unparse(steps[: depth + n + 1]) for n in range(len(made))),
        ]
    if container is None and not document.lines and not document.bom:
        pass
    if at == len(document.lines) and document.lines and not document.lines[-1].endswith(("\n", "\r")):
        trace["newline"] = sorted({*trace.get("newline", ()), _hash(document.lines[-1])})
    return result, trace


def _where(
    document: Document, place: Place, steps: Steps, order: Sequence[str], step: int
) -> tuple[int, int]:
    """The line before which a new entry goes, and its column."""
    depth = place.depth
    container = place.nodes[-1]
    if container is None or container.empty:
        if depth == 0:
            return document.end_line, 0
        parent, number = place.nodes[-2], place.positions[-1]
        assert parent is not None  # noqa: S101
        there = region(document, parent, number)
        if there is None:
            raise _shares_a_line(document, parent, number, steps, "")
        return there.last + 1, there.column + step
    regions = [region(document, container, n) for n in range(len(container.entries) + len(container.items))]
    column = document.column_of(container.entries[0][0].start) if container.entries else None
    if column is None:
        first = regions[0]
        if first is None:
            raise _shares_a_line(document, container, 0, steps, "")
        column = first.column
    wanted = siblings(order, steps[:depth])
    if steps[depth] in wanted:
        mine = wanted.index(steps[depth])
        for step_before in reversed(wanted[:mine]):
            number_before = _position(document, container, step_before)
            there = regions[number_before] if number_before is not None else None
            if there is not None:
                return there.last + 1, column
        for step_after in wanted[mine + 1 :]:
            number_after = _position(document, container, step_after)
            there = regions[number_after] if number_after is not None else None
            if there is not None:
                return _above_comments(document, there), column
    last = regions[-1]
    if last is None:  # the only key stands behind a dash: its last line is found all the same
        node = container.entries[-1][1] if container.entries else container.items[-1]
        return document.last_line(node, column) + 1, column
    return last.last + 1, column


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


# -- taking ---------------------------------------------------------------------------------------------------


def take(document: Document, steps: Steps, trace: dict[str, Any]) -> str | None:
    """Takes a section back. Arguments and errors as those of `sections.take`; None: it is not there."""
    place = find(document, steps)
    if place.depth < len(steps):
        return None
    _refuse_parent(document, place, steps, None)
    container, number = place.nodes[-2], place.positions[-1]
    assert container is not None  # noqa: S101
    there = region(document, container, number)
    if there is None:
        raise _shares_a_line(document, container, number, steps, None)
    _refuse_aliased(document, there, steps)
    made = set(trace.get("containers", ()))
    nodes, positions = place.nodes, place.positions
    first, last = there.first, there.last
    while len(positions) > 1 and unparse(steps[: len(positions) - 1]) in made:
        holder, above = nodes[len(positions) - 1], nodes[len(positions) - 2]
        assert holder is not None  # noqa: S101
        assert above is not None  # noqa: S101
        outer = region(document, above, positions[-2])
        if len(holder.entries) + len(holder.items) > 1 or outer is None or holder.anchor or holder.tag:
            break
        step = steps[len(positions) - 2]
        bare = isinstance(step, Key) and document.lines[outer.first].strip() == _container_line(step)
        if not bare or (outer.first + 1, outer.last) != (first, last):
            break
        first, last = outer.first, outer.last
        nodes, positions = nodes[:-1], positions[:-1]
    expected = _with(nodes, positions, None)
    hashes = set(trace.get("newline", ()))
    if (
        last == len(document.lines) - 1
        and first
        and _hash(document.lines[first - 1].rstrip("\r\n")) in hashes
    ):
        without = "".join(document.lines[:first])
        result = _verified(document, document.bom + re.sub(r"(\r\n|\n|\r)\Z", "", without), expected)
        if result is not None:
            return result
    result = _verified(document, _spliced(document, first, last + 1, [], ""), expected)
    if result is None:
        raise _cannot(document, steps, first, None)
    return result


# -- lines, trees, checks -------------------------------------------------------------------------------------


def _hash(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:16]


def _newline(document: Document, line: int) -> str:
    """The line break of the lines around, else the file's first, else `\\n`."""
    for near in (*document.lines[max(line - 1, 0) : line + 1], *document.lines[:1]):
        if match := re.search(r"(\r\n|\n|\r)$", near):
            return match[0]
    return "\n"


def _spliced(document: Document, first: int, end: int, lines: list[str], closing: str) -> str:
    """The text with the lines `first` up to `end` replaced; `closing` ends the last new line."""
    newline = _newline(document, first)
    before = list(document.lines[:first])
    if before and lines and not before[-1].endswith(("\n", "\r")):
        before[-1] += newline
    new = [line + newline for line in lines[:-1]] + [line + closing for line in lines[-1:]]
    return document.bom + "".join(before) + "".join(new) + "".join(document.lines[end:])


def _verified(document: Document, text: str, expected: Node | None) -> str | None:
    try:
        made = Document(document.path, text)
    except MxError:
        return None
    return text if same(made.root, expected) else None


def parsed_fragment(path: str, text: str, steps: Steps) -> tuple[Node, Node] | Node:
    """The entry or item that a fragment is."""
    document = Document(f"{path} (section {unparse(steps)})", text, fragment=True)
    root, step = document.root, steps[-1]
    if root is not None and not root.flow and document.own_line(root):
        if isinstance(step, Key) and len(root.entries) == 1 and root.entries[0][0].value == step.name:
            return root.entries[0]
        if isinstance(step, Item) and len(root.items) == 1 and _position(document, root, step) == 0:
            return root.items[0]
    meant = f"`{step.name}: …`" if isinstance(step, Key) else f"one item `- {step.key}: {step.value}`"
    raise MxError(f"The section {unparse(steps)} must be {meant} at the left edge, and nothing else.")


def _container_line(key: Key) -> str:
    from mxdev.yaml_render import render_entry

    return render_entry(key.name, None).removesuffix(" null\n")


def _parsed_key(key: Key) -> Node:
    document = Document("", _container_line(key))
    assert document.root is not None  # noqa: S101
    return document.root.entries[0][0]


def _holder(inner: tuple[Node, Node] | Node) -> Node:
    if isinstance(inner, Node):
        return Node("sequence", 0, 0, items=[inner])
    return Node("mapping", 0, 0, entries=[inner])


def _with(
    nodes: Sequence[Node | None], positions: Sequence[int], new: tuple[Node, Node] | Node | None
) -> Node:
    """The tree with the node at `positions` replaced, or (None) removed."""
    result: tuple[Node, Node] | Node | None = new
    for depth in range(len(positions) - 1, -1, -1):
        node, number = nodes[depth], positions[depth]
        assert node is not None  # noqa: S101
        if node.kind == "mapping":
            entries = list(node.entries)
            if isinstance(result, Node):
                result = (entries[number][0], result)
            entries[number : number + 1] = [] if result is None else [result]
            result = with_entries(node, entries)
        else:
            items = list(node.items)
            assert not isinstance(result, tuple)  # noqa: S101
            items[number : number + 1] = [] if result is None else [result]
            result = with_items(node, items)
    assert isinstance(result, Node)  # noqa: S101
    return result


def _with_new(document: Document, place: Place, new: tuple[Node, Node] | Node, at: int, step: Step) -> Node:
    """The tree with a new entry in the container at the end of the way; its number follows from the line."""
    container = place.nodes[-1]
    if container is None or container.empty:
        grown = _holder(new)
    else:
        children = [_child(container, n) for n in range(len(container.entries) + len(container.items))]
        number = sum(document.line_of(child.start) < at for child in children)
        if isinstance(new, Node):
            grown = replace(container, items=[*container.items[:number], new, *container.items[number:]])
        else:
            grown = replace(
                container, entries=[*container.entries[:number], new, *container.entries[number:]]
            )
    if not place.positions:
        return grown
    node = place.nodes[-2]
    assert node is not None  # noqa: S101
    number = place.positions[-1]
    return _with(
        place.nodes, place.positions, (node.entries[number][0], grown) if node.kind == "mapping" else grown
    )


# -- refusals -------------------------------------------------------------------------------------------------


def _paste(fragment: str | None, where: str) -> str:
    if not fragment:
        return "Make the change by hand, or rewrite that place in block style. Nothing was changed."
    return (
        f"Rewrite that place in block style and run the command again, or paste this {where}:\n\n{fragment}"
    )


def _refuse_parent(document: Document, place: Place, steps: Steps, fragment: str | None) -> None:
    """Refuses to change something below a parent in which a line edit would not be what it seems."""
    verb = "take" if fragment is None else "put"
    for depth in range(min(place.depth, len(steps) - 1) + 1):
        node = place.nodes[depth]
        step = steps[depth]
        if node is None or node.empty:
            return
        name = f"`{unparse(steps[:depth])}`" if depth else "the file"
        where = f"under {name} on line {document.line_of(node.start) + 1}"
        problem = None
        wanted = "mapping" if isinstance(step, Key) else "sequence"
        if node.kind == "alias":
            problem = f"{name} is an alias (*{node.value})"
        elif node.kind != wanted:
            problem = f"{name} is {'a list' if node.kind == 'sequence' else f'a {node.kind}'}, not a {'mapping' if wanted == 'mapping' else 'list'}"
        elif node.flow:
            problem = f"{name} is written in flow style ({_snippet(document, node)})"
        elif any(key.value == "<<" and key.plain for key, _ in node.entries):
            problem = f"{name} merges other mappings (`<<`)"
        elif users := [alias for alias in document.aliases if alias.target is node]:
            lines = ", ".join(str(document.line_of(alias.start) + 1) for alias in users)
            problem = f"{name} is used again by the alias *{node.anchor} (line {lines})"
        if problem:
            raise MxError(
                f"{document.path}:{document.line_of(node.start) + 1}: {problem}; mx cannot {verb} {unparse(steps)} there.",
                hint=_paste(fragment, where),
            )


def _refuse_aliased(document: Document, there: Region, steps: Steps) -> None:
    used = document.aliases_of(there.first, there.last)
    if used:
        lines = ", ".join(
            f"*{target.anchor} on line {document.line_of(alias.start) + 1}" for alias, target in used
        )
        raise MxError(
            f"{document.path}:{there.first + 1}: the section {unparse(steps)} is used elsewhere: {lines}.",
            hint="Write the value out at those places, then run the command again. Nothing was changed.",
        )


def _shares_a_line(
    document: Document, container: Node, number: int, steps: Steps, fragment: str | None
) -> MxError:
    line = document.line_of(_child(container, number).start) + 1
    return MxError(
        f"{document.path}:{line}: {unparse(steps)} does not have its lines for itself ({_snippet(document, container)}).",
        hint=_paste(fragment, f"there (line {line})"),
    )


def _cannot(document: Document, steps: Steps, line: int, fragment: str | None) -> MxError:
    return MxError(
        f"{document.path}:{line + 1}: mx cannot change {unparse(steps)} here without changing something else.",
        hint=_paste(fragment, f"by hand near line {line + 1}")
        + (
            ""
            if document.text.endswith(("\n", "\r"))
            else "\nThe file does not end with a line break; adding one may be enough."
        ),
    )


def _snippet(document: Document, node: Node) -> str:
    text = " ".join(document.text[node.start : node.end].split())
    return f"`{text[:60]}{'…' if len(text) > 60 else ''}`"


__all__ = [
    "BOM",
    "Place",
    "Region",
    "find",
    "nothing",
    "own_step",
    "parsed_fragment",
    "put",
    "raw",
    "region",
    "shift",
    "take",
]
