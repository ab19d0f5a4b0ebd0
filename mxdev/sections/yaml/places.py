"""Where the sections of a YAML document stand, and where a new one goes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mxdev.errors import MxError
from mxdev.sections.address import Item, Key, Step, Steps, unparse
from mxdev.sections.yaml.document import Document, Node

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
    found = document.numbers(node).get(step.name if isinstance(step, Key) else (step.key, step.value), ())
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
    for node in reversed(place.nodes[: depth + 1]):
        if node is not None and (step := document.remember(node, _step_in)) is not None:
            return step
    return 2


def _step_in(document: Document, node: Node) -> int | None:
    """By how many spaces the first child that shows it is indented."""
    if node.kind != "mapping" or node.flow:
        return None
    steps = (own_step(document, value, document.column_of(key.start)) for key, value in node.entries)
    return next((step for step in steps if step is not None), None)


def above_comments(document: Document, there: Region) -> int:
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


def refuse_parent(document: Document, place: Place, steps: Steps, fragment: str | None) -> None:
    """Refuses to change something below a parent in which a line edit would not be what it seems."""
    verb = "take" if fragment is None else "put"
    for depth in range(min(place.depth, len(steps) - 1) + 1):
        node = place.nodes[depth]
        step = steps[depth]
        if node is None or node.empty:
            return
        name = f"`{unparse(steps[:depth])}`" if depth else "the file"
        hint = None
        where = f"under {name} on line {document.line_of(node.start) + 1}"
        problem = None
        wanted = "mapping" if isinstance(step, Key) else "sequence"
        if node.kind == "alias":
            problem = f"{name} is an alias (*{node.value})"
        elif node.kind != wanted:
            problem = f"{name} is {'a list' if node.kind == 'sequence' else f'a {node.kind}'}, not a {'mapping' if wanted == 'mapping' else 'list'}"
            if wanted == "mapping" and fragment:
                hint = _make_mapping(document, node, name)
            if wanted == "sequence" and fragment:
                hint = f"Make it a list, with what is there now as an item (`- ` before it), and run the command again, or add this item to the list:\n\n{fragment}"
        elif node.flow:
            problem = f"{name} is written in flow style ({snippet(document, node)})"
        elif document.remember(node, _merges):
            problem = f"{name} merges other mappings (`<<`)"
        elif users := document.users(node):
            lines = ", ".join(str(document.line_of(alias.start) + 1) for alias in users)
            problem = f"{name} is used again by the alias *{node.anchor} (line {lines})"
        if problem:
            raise MxError(
                f"{document.path}:{document.line_of(node.start) + 1}: {problem}; mx cannot {verb} {unparse(steps)} there.",
                hint=hint or paste(fragment, where),
            )


def _merges(document: Document, node: Node) -> bool:
    return any(key.value == "<<" and key.plain for key, _ in node.entries)


def _make_mapping(document: Document, node: Node, name: str) -> str:
    """What to do where a mapping is wanted: nothing can be pasted there while it is something else."""
    what = "each of its items under a key of its own" if node.kind == "sequence" else "with keys of its own"
    entries = document.root.entries if document.root is not None else ()
    version = next((value.value for key, value in entries if key.value == "version"), None)
    old = (
        f" The file says `version: {version}`; what is added to it may be for a newer one." if version else ""
    )
    return f"Make {name} a mapping, {what}, then run the command again.{old} Nothing was changed."


def refuse_aliased(document: Document, there: Region, steps: Steps) -> None:
    """Refuses to change lines that hold an anchor which is used outside of them."""
    used = document.aliases_of(there.first, there.last)
    if used:
        lines = ", ".join(
            f"*{target.anchor} on line {document.line_of(alias.start) + 1}" for alias, target in used
        )
        raise MxError(
            f"{document.path}:{there.first + 1}: the section {unparse(steps)} is used elsewhere: {lines}.",
            hint="Write the value out at those places, then run the command again. Nothing was changed.",
        )


def cannot(document: Document, steps: Steps, line: int, fragment: str | None) -> MxError:
    """The error for an edit after which the file would not be what was meant."""
    return MxError(
        f"{document.path}:{line + 1}: mx cannot change {unparse(steps)} here without changing something else.",
        hint=paste(fragment, f"by hand near line {line + 1}")
        + (
            ""
            if document.text.endswith(("\n", "\r"))
            else "\nThe file does not end with a line break; adding one may be enough."
        ),
    )


def parsed_fragment(path: str, text: str, steps: Steps) -> tuple[Document, tuple[Node, Node] | Node]:
    """A fragment as a document, and the entry or item in it.

    Raises:
        MxError: it is not YAML, or not just the section's own key or item.
    """
    document = Document(f"{path} (section {unparse(steps)})", text, fragment=True)
    root, step = document.root, steps[-1]
    if root is not None and not root.flow and document.column_of(root.start) == 0 and text.endswith("\n"):
        if isinstance(step, Key) and len(root.entries) == 1 and root.entries[0][0].value == step.name:
            return document, root.entries[0]
        if isinstance(step, Item) and len(root.items) == 1 and position(document, root, step) == 0:
            return document, root.items[0]
    meant = f"`{step.name}: …`" if isinstance(step, Key) else f"one item `- {step.key}: {step.value}`"
    raise MxError(
        f"The text of the section {unparse(steps)} must be {meant} at the left edge with a line break at the end, and nothing else.",
        hint="A value that is text becomes the text of a section by `sections.render`.",
    )


def container_line(key: Key) -> str:
    """The line of a container that mx makes."""
    from mxdev.sections.yaml.write import render_entry

    return render_entry(key.name, None).removesuffix(" null\n")


def parsed_key(key: Key) -> Node:
    """The node of a container's key."""
    document = Document("", container_line(key))
    assert document.root is not None
    return document.root.entries[0][0]
