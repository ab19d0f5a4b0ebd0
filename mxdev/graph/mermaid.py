"""A picture as Mermaid's flowchart (https://mermaid.js.org/syntax/flowchart.html)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mxdev.graph.model import Flow, Graph, Kind, Node
from mxdev.graph.words import one_line

_SHAPES: Mapping[Kind, tuple[str, str]] = {
    "generator": ("{{", "}}"),
    "entry point": ("([", "])"),
    "image": ("[[", "]]"),
    "job": ("(", ")"),
    "deployment": ("[/", "/]"),
    "workload": ("[", "]"),
    "endpoint": (">", "]"),
    "store": ("[(", ")]"),
    "resource": ("[", "]"),
}
_ARROWS: Mapping[Flow, str] = {"data": "==>", "uses": "-.->", "makes": "-->"}
# Letters, digits and a few signs that mean nothing to Mermaid, HTML or Markdown; the rest is written as its number.
_ODD = re.compile(r"[^\w .,/()@+=-]")


def draw(graph: Graph) -> str:
    """The flowchart, one statement a line: instances are subgraphs, thick arrows carry data."""
    ids = {key: f"n{number}" for number, key in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for number, owner in enumerate(graph.owners()):
        lines.append(f"  subgraph g{number}[{_text(owner or 'not generated')}]")
        mine = [node for node in graph.nodes.values() if node.owner == owner]
        lines += [f"    {ids[node.key]}{_shape(node)}" for node in mine]
        lines.append("  end")
    for edge in graph.edges:
        label = f"|{_text(edge.label)}|" if edge.label else ""
        lines.append(f"  {ids[edge.source]} {_ARROWS[edge.flow]}{label} {ids[edge.target]}")
    if optional := [ids[node.key] for node in graph.nodes.values() if node.optional]:
        lines.append("  classDef optional stroke-dasharray: 4 3")
        lines.append(f"  class {','.join(optional)} optional")
    return "\n".join(lines) + "\n"


def _shape(node: Node) -> str:
    opening, closing = _SHAPES[node.kind]
    text = node.label if node.kind in ("generator", "entry point") else f"{node.label} ({node.detail})"
    return f"{opening}{_text(text)}{closing}"


def _text(text: str) -> str:
    """A text in quotes; what could mean something to Mermaid or to HTML is written as its number."""
    return f'"{_ODD.sub(lambda found: f"#{ord(found[0])};", one_line(text))}"'
