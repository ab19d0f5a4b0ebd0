"""What mx does not edit in YAML, and what a person can do then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxdev.errors import MxError
from mxdev.section_address import Key, Steps, unparse
from mxdev.yaml_document import Document, Node

if TYPE_CHECKING:
    from mxdev.yaml_places import Place, Region


def _paste(fragment: str | None, where: str) -> str:
    if not fragment:
        return "Make the change by hand, or rewrite that place in block style. Nothing was changed."
    return (
        f"Rewrite that place in block style and run the command again, or paste this {where}:\n\n{fragment}"
    )


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
            if wanted == "sequence" and fragment:
                hint = f"Make it a list, with what is there now as an item (`- ` before it), and run the command again, or add this item to the list:\n\n{fragment}"
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
                hint=hint or _paste(fragment, where),
            )


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


def shares_a_line(document: Document, node: Node, steps: Steps, fragment: str | None) -> MxError:
    """The error for a section that does not stand on lines of its own (`- key:`, `{key: …}`, `? key`)."""
    line = document.line_of(node.start) + 1
    return MxError(
        f"{document.path}:{line}: {unparse(steps)} does not have its lines for itself ({_snippet(document, node)}).",
        hint=_paste(fragment, f"there (line {line})"),
    )


def cannot(document: Document, steps: Steps, line: int, fragment: str | None) -> MxError:
    """The error for an edit after which the file would not be what was meant."""
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
