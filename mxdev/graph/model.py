"""The picture as data: what there is, and what uses what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

# data: bytes go along it; uses: one needs the other to be there; makes: a generator or a deployment brings it.
Flow = Literal["data", "uses", "makes"]
Kind = Literal[
    "generator", "entry point", "image", "job", "deployment", "workload", "endpoint", "store", "resource"
]


@dataclass(frozen=True)
class Node:
    """One thing of the project.

    Attributes:
        key: its name in the picture, of no other node.
        label: what a person reads.
        kind: what it is to the project.
        detail: what it is to its tool, such as `StatefulSet` or `google_storage_bucket`.
        owner: the instance that rendered it; empty: a person wrote it.
        optional: whether it depends on a value that it is made at all.
    """

    key: str
    label: str
    kind: Kind
    detail: str = ""
    owner: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Edge:
    """One thing needs, makes or feeds another.

    Attributes:
        source, target: keys of nodes.
        label: how, in a word or two.
        flow: what goes along it.
    """

    source: str
    target: str
    label: str = ""
    flow: Flow = "uses"


@dataclass
class Graph:
    """All of it, in the order in which it was found."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def add(self, node: Node) -> Node:
        """Add a node, unless one of its key is there; the one that is there."""
        return self.nodes.setdefault(node.key, node)

    def join(self, source: str, target: str, label: str = "", flow: Flow = "uses") -> None:
        """Add an edge between two nodes that are there; several between the same two become one with all labels."""
        if source == target or source not in self.nodes or target not in self.nodes:
            return
        for at, edge in enumerate(self.edges):
            if (edge.source, edge.target) == (source, target):
                labels = dict.fromkeys(filter(None, (*edge.label.split(", "), *label.split(", "))))
                stronger: Flow = "data" if "data" in (edge.flow, flow) else edge.flow
                self.edges[at] = Edge(source, target, ", ".join(labels), stronger)
                return
        self.edges.append(Edge(source, target, label, flow))

    def of(self, *kinds: Kind) -> Iterable[Node]:
        """The nodes of these kinds."""
        return [node for node in self.nodes.values() if node.kind in kinds]

    def owners(self) -> list[str]:
        """The instances that own a node, in order; the empty one last."""
        found = dict.fromkeys(node.owner for node in self.nodes.values())
        return sorted(found, key=lambda owner: owner == "")
