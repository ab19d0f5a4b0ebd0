"""Where each node of a picture stands: columns along the arrows, one lane for each instance.

A node's column is the length of the longest way to it; of arrows in a circle, the one that closes it is not counted. A lane is a band
that is as high as its fullest column. Within a lane and a column, nodes stand in the order of the middle of their
neighbours, looked at from both sides in turn (the barycentre method), which keeps arrows short and leaves few that cross.

For a → b → c and a → c, all of one instance: columns 0, 1, 2; the arrow from a to c passes below b's column.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from mxdev.graph.model import Graph

_SWEEPS = 6


@dataclass(frozen=True)
class Lane:
    """A band of rows: of which instance, the first row, and how many there are."""

    owner: str
    first: int
    rows: int


@dataclass(frozen=True)
class Layout:
    """The column and the row of each node, and the lanes from top to bottom."""

    places: Mapping[str, tuple[int, int]]
    lanes: tuple[Lane, ...]


def arrange(graph: Graph) -> Layout:
    """Give each node of `graph` its place; the same graph gives the same places."""
    columns = _columns(graph)
    beside: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        beside[edge.source].append(edge.target)
        beside[edge.target].append(edge.source)
    cells: dict[tuple[str, int], list[str]] = defaultdict(list)
    for key, node in graph.nodes.items():
        cells[node.owner, columns[key]].append(key)
    lanes, first = [], 0
    for owner in graph.owners():
        rows = max(len(keys) for (lane, _), keys in cells.items() if lane == owner)
        lanes.append(Lane(owner, first, rows))
        first += rows
    starts = {lane.owner: lane.first for lane in lanes}
    places: dict[str, tuple[int, int]] = {}

    def put(cell: tuple[str, int]) -> None:
        for at, key in enumerate(cells[cell]):
            places[key] = (cell[1], starts[cell[0]] + at)

    for cell in cells:
        put(cell)
    for sweep in range(_SWEEPS):
        for cell in sorted(cells, key=lambda cell: cell[1], reverse=bool(sweep % 2)):
            middle = {key: _middle(key, beside[key], places) for key in cells[cell]}
            cells[cell].sort(key=lambda key: middle[key])
            put(cell)
    return Layout(places, tuple(lanes))


def _middle(key: str, others: list[str], places: Mapping[str, tuple[int, int]]) -> float:
    return sum(places[other][1] for other in others) / len(others) if others else places[key][1]


def _columns(graph: Graph) -> dict[str, int]:
    """The length of the longest way to each node, without the arrows that close a circle."""
    after: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        after[edge.source].append(edge.target)
    order: list[str] = []  # each node after all that it leads to
    state: dict[str, int] = {}
    kept: list[tuple[str, str]] = []
    for start in graph.nodes:
        if start in state:
            continue
        state[start] = 1
        stack = [(start, iter(after[start]))]
        while stack:
            key, rest = stack[-1]
            for other in rest:
                if state.get(other) == 1:
                    continue  # on the way here: this arrow closes a circle
                kept.append((key, other))
                if other not in state:
                    state[other] = 1
                    stack.append((other, iter(after[other])))
                    break
            else:
                state[key] = 2
                order.append(key)
                stack.pop()
    forward: dict[str, list[str]] = defaultdict(list)
    for source, target in kept:
        forward[source].append(target)
    columns = dict.fromkeys(graph.nodes, 0)
    for key in reversed(order):
        for other in forward[key]:
            columns[other] = max(columns[other], columns[key] + 1)
    return columns
