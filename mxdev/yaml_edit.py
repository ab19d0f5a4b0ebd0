"""Surgical edits of sections in YAML: only the lines of the section change.

Every edit is made on lines and then checked: the new text is parsed and must be the old tree with just that change.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

from mxdev.errors import MxError
from mxdev.section_address import Item, Key, Steps, unparse
from mxdev.yaml_document import Document, Node, same
from mxdev.yaml_places import Place, Region, child, find, own_step, place_for, raw, region, shift, step_at
from mxdev.yaml_refusals import cannot, refuse_aliased, refuse_parent, shares_a_line
from mxdev.yaml_trees import container_line, parsed_fragment, parsed_key, with_new, with_node, wrapped

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
