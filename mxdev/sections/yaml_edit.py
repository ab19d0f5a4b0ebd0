"""Surgical edits of sections in YAML: only the lines of the section change.

Every edit is made on lines and then checked: the new text is parsed and must be the old tree with just that change.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from mxdev.errors import MxError
from mxdev.sections.address import Item, Key, Steps, unparse
from mxdev.sections.yaml_document import Document, Node, same, with_entries, with_items
from mxdev.sections.yaml_places import (
    Place,
    Region,
    child,
    find,
    own_step,
    paste,
    place_for,
    position,
    raw,
    region,
    shares_a_line,
    shift,
    snippet,
    step_at,
)

Trace = dict[str, Any]


def put(
    document: Document,
    steps: Steps,
    fragment: str,
    wider: Callable[[int], str],
    order: Sequence[str],
    traces: Sequence[Trace],
) -> tuple[str, Trace]:
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
    refuse_parent(document, place, steps, fragment)
    trace = inherited(traces, steps)
    if place.depth == len(steps):
        return _replace(document, place, steps, fragment, wider), trace
    return _insert(document, place, steps, fragment, wider, order, trace)


def inherited(traces: Sequence[Trace], steps: Steps) -> Trace:
    """What a section takes over from the others: whoever leaves last takes back what the first one brought."""
    parents = [unparse(steps[:n]) for n in range(1, len(steps))]
    made = {c for trace in traces for c in trace.get("containers", ())}
    newline = {h for trace in traces for h in trace.get("newline", ())}
    result: Trace = {}
    if any(trace.get("file") for trace in traces):
        result["file"] = True
    if containers := [p for p in parents if p in made]:
        result["containers"] = containers
    if newline:
        result["newline"] = sorted(newline)
    return result


def _replace(
    document: Document, place: Place, steps: Steps, fragment: str, wider: Callable[[int], str]
) -> str:
    container, node, number = place.nodes[-2], place.nodes[-1], place.positions[-1]
    assert container is not None
    there = region(document, container, number)
    if there is None:
        raise shares_a_line(document, child(container, number), steps, fragment)
    step = own_step(document, node, there.column) or step_at(document, place, len(steps) - 1)
    text = wider(step)
    if raw(document, there) == text:
        return document.bom + document.text
    refuse_aliased(document, there, steps)
    expected = with_node(place.nodes, place.positions, _meant(document, text, steps, there))
    lines = _indented(text, there.column)
    ending = document.lines[there.last][len(document.lines[there.last].rstrip("\r\n")) :]
    newline = _newline(document, there.first)
    for closing in dict.fromkeys(
        (ending and newline, newline)
    ):  # a line break only where there was one, if that will do
        new = _spliced(document, there.first, there.last + 1, lines, closing)
        if _verified(document, new, expected, steps, text):
            return new
    raise cannot(document, steps, there.first, fragment)


def _insert(
    document: Document,
    place: Place,
    steps: Steps,
    fragment: str,
    wider: Callable[[int], str],
    order: Sequence[str],
    trace: Trace,
) -> tuple[str, Trace]:
    depth = place.depth
    made = [step for step in steps[depth:-1] if isinstance(step, Key)]
    if len(made) < len(steps[depth:-1]):
        missing = next(n for n in range(depth, len(steps)) if isinstance(steps[n], Item))
        raise MxError(
            f"{document.path}: there is no {unparse(steps[: missing + 1])}, to which {unparse(steps)} belongs.",
            hint=f"Add that item to the list, then run the command again, or paste this into it:\n\n{fragment}",
        )
    step = step_at(document, place, depth)
    at, column = place_for(document, place, steps, order, step, fragment)
    text = wider(step)
    entry = _meant(document, text, steps, None)
    lines = [" " * (column + number * step) + container_line(key) for number, key in enumerate(made)]
    lines += _indented(text, column + len(made) * step)
    for key in reversed(made):
        entry = (parsed_key(key), wrapped(entry))
    newline = _newline(document, at)
    new = _spliced(document, at, at, lines, newline)
    if not _verified(document, new, with_new(document, place, entry, at), steps, text):
        raise cannot(document, steps, min(at, len(document.lines) - 1), fragment)
    if made:
        known = trace.get("containers", [])
        trace["containers"] = [*known, *(unparse(steps[: depth + n + 1]) for n in range(len(made)))]
    if document.lines and at == len(document.lines) and not document.lines[-1].endswith(("\n", "\r")):
        trace["newline"] = sorted({*trace.get("newline", ()), _hash(document.lines[-1])})
    return new, trace


def _meant(document: Document, text: str, steps: Steps, replaced: Region | None) -> tuple[Node, Node] | Node:
    """The entry that a fragment is; refuses one whose anchors would change what aliases elsewhere mean."""
    written, entry = parsed_fragment(document.path, text, steps)
    for anchor in written.anchors:
        for other in document.anchors:
            line = document.line_of(other.start)
            if other.anchor == anchor.anchor and not (replaced and replaced.first <= line <= replaced.last):
                raise MxError(
                    f"{document.path}:{line + 1}: the anchor &{anchor.anchor} of the section {unparse(steps)} is there already.",
                    hint="Give one of the two another name. Nothing was changed.",
                )
    return entry


# -- taking ---------------------------------------------------------------------------------------------------


def take(document: Document, steps: Steps, trace: Trace) -> str | None:
    """Takes a section back. Arguments and errors as those of `sections.take`; None: it is not there."""
    place = find(document, steps)
    if place.depth < len(steps):
        return None
    refuse_parent(document, place, steps, None)
    container, number = place.nodes[-2], place.positions[-1]
    assert container is not None
    there = region(document, container, number)
    if there is None:
        raise shares_a_line(document, child(container, number), steps, None)
    refuse_aliased(document, there, steps)
    made = set(trace.get("containers", ()))
    nodes, positions = place.nodes, place.positions
    first, last = there.first, there.last
    while len(positions) > 1 and unparse(steps[: len(positions) - 1]) in made:
        holder, above = nodes[len(positions) - 1], nodes[len(positions) - 2]
        assert holder is not None
        assert above is not None
        outer = region(document, above, positions[-2])
        if len(holder.entries) + len(holder.items) > 1 or outer is None or holder.anchor or holder.tag:
            break
        step = steps[len(positions) - 2]
        bare = isinstance(step, Key) and document.lines[outer.first].strip() == container_line(step)
        if not bare or (outer.first + 1, outer.last) != (first, last):
            break
        first, last = outer.first, outer.last
        nodes, positions = nodes[:-1], positions[:-1]
    expected = with_node(nodes, positions, None)
    new = _spliced(document, first, last + 1, [], "")
    at_end = last == len(document.lines) - 1 and first > 0
    if at_end and _hash(document.lines[first - 1].rstrip("\r\n")) in trace.get("newline", ()):
        without = re.sub(r"(\r\n|\n|\r)\Z", "", new)  # the line break that putting added
        if _verified(document, without, expected):
            return without
    if not _verified(document, new, expected):
        raise cannot(document, steps, first, None)
    return new


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


def _indented(text: str, column: int) -> list[str]:
    return shift(text.split("\n")[:-1], column).split("\n")[:-1]


def _verified(
    document: Document, text: str, expected: Node | None, steps: Steps | None = None, fragment: str = ""
) -> bool:
    """Whether a new text parses to the expected tree and, if a section was put, gives back exactly its text."""
    try:
        made = Document(document.path, text)
    except MxError:
        return False
    if not same(made.root, expected):
        return False
    if steps is None:
        return True
    place = find(made, steps)
    container = place.nodes[len(steps) - 1]
    there = region(made, container, place.positions[-1]) if container else None
    return there is not None and raw(made, there) == fragment


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
        elif any(key.value == "<<" and key.plain for key, _ in node.entries):
            problem = f"{name} merges other mappings (`<<`)"
        elif users := [alias for alias in document.aliases if alias.target is node]:
            lines = ", ".join(str(document.line_of(alias.start) + 1) for alias in users)
            problem = f"{name} is used again by the alias *{node.anchor} (line {lines})"
        if problem:
            raise MxError(
                f"{document.path}:{document.line_of(node.start) + 1}: {problem}; mx cannot {verb} {unparse(steps)} there.",
                hint=hint or paste(fragment, where),
            )


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
        MxError: it is no YAML, or not just the section's own key or item.
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
    from mxdev.sections.yaml_write import render_entry

    return render_entry(key.name, None).removesuffix(" null\n")


def parsed_key(key: Key) -> Node:
    """The node of a container's key."""
    document = Document("", container_line(key))
    assert document.root is not None
    return document.root.entries[0][0]


def wrapped(inner: tuple[Node, Node] | Node) -> Node:
    """A new container with one entry or item."""
    if isinstance(inner, Node):
        return Node("sequence", 0, 0, items=[inner])
    return Node("mapping", 0, 0, entries=[inner])


def with_node(
    nodes: Sequence[Node | None], positions: Sequence[int], new: tuple[Node, Node] | Node | None
) -> Node:
    """The tree with the node at `positions` replaced, or (None) removed."""
    result: tuple[Node, Node] | Node | None = new
    for depth in range(len(positions) - 1, -1, -1):
        node, number = nodes[depth], positions[depth]
        assert node is not None
        if node.kind == "mapping":
            entries = list(node.entries)
            if isinstance(result, Node):
                result = (entries[number][0], result)
            entries[number : number + 1] = [] if result is None else [result]
            result = with_entries(node, entries)
        else:
            items = list(node.items)
            assert not isinstance(result, tuple)
            items[number : number + 1] = [] if result is None else [result]
            result = with_items(node, items)
    assert isinstance(result, Node)
    return result


def with_new(document: Document, place: Place, new: tuple[Node, Node] | Node, at: int) -> Node:
    """The tree with a new entry in the container at the end of the way; its number follows from the line."""
    container = place.nodes[-1]
    if container is None or container.empty:
        grown = wrapped(new)
    else:
        children = [child(container, n) for n in range(len(container.entries) + len(container.items))]
        number = sum(document.line_of(node.start) < at for node in children)
        if isinstance(new, Node):
            grown = replace(container, items=[*container.items[:number], new, *container.items[number:]])
        else:
            grown = replace(
                container, entries=[*container.entries[:number], new, *container.entries[number:]]
            )
    if not place.positions:
        return grown
    node = place.nodes[-2]
    assert node is not None
    number = place.positions[-1]
    return with_node(
        place.nodes, place.positions, (node.entries[number][0], grown) if node.kind == "mapping" else grown
    )
