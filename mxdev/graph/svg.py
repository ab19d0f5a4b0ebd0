"""A picture as SVG, with nothing in it but shapes and text: no script, no style sheet, nothing fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from mxdev.graph.layout import Layout, arrange
from mxdev.graph.model import Edge, Flow, Graph, Kind, Node
from mxdev.graph.words import one_line

# In pixels.
_WIDTH, _HEIGHT = 200, 40
_ACROSS, _DOWN = 100, 14
_MARGIN, _TITLE = 24, 26
_LEGEND = 34
# How many characters fit into a node.
_FITS, _FITS_SMALL = 26, 34

_FILLS: Mapping[Kind, str] = {
    "generator": "#e9e2f8",
    "entry point": "#fdf0d5",
    "image": "#dcecf9",
    "job": "#ffe3d3",
    "deployment": "#e3f1dc",
    "workload": "#cfe8c6",
    "endpoint": "#fbdbe6",
    "store": "#d4eeee",
    "resource": "#ececec",
}
_STROKES: Mapping[Flow, str] = {"data": "#1f6fb2", "uses": "#8a8a8a", "makes": "#6a9a55"}
_MEANINGS: Mapping[Flow, str] = {"data": "data", "uses": "needs", "makes": "makes"}


def draw(graph: Graph) -> str:
    """The whole file. The same graph gives the same bytes."""
    layout = arrange(graph)
    columns = max((column for column, _ in layout.places.values()), default=0) + 1
    rows = sum(lane.rows for lane in layout.lanes)
    width = 2 * _MARGIN + columns * _WIDTH + (columns - 1) * _ACROSS + 2 * _DOWN
    height = 2 * _MARGIN + rows * (_HEIGHT + _DOWN) + len(layout.lanes) * (_TITLE + _DOWN) + _LEGEND
    places = {key: _place(layout, key) for key in layout.places}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13" role="img">',
        f"<title>{escape(_summary(graph))}</title>",
        "<defs>",
        *(_head(flow) for flow in _STROKES),
        "</defs>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, lane in enumerate(layout.lanes):
        top = _row_top(layout, number, lane.first) - _TITLE
        tall = _TITLE + lane.rows * (_HEIGHT + _DOWN)
        lines.append(
            f'<rect x="{_MARGIN}" y="{top}" width="{width - 2 * _MARGIN}" height="{tall}" rx="8" fill="#fafafa" stroke="#d5d5d5"/>'
        )
        title = escape(one_line(lane.owner or "not generated", 80))
        lines.append(f'<text x="{_MARGIN + _DOWN}" y="{top + 18}" fill="#555555">{title}</text>')
    lines += [_arrow(edge, places) for edge in graph.edges]
    for node in graph.nodes.values():
        lines += _box(node, *places[node.key])
    lines += _legend(height - _LEGEND)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _summary(graph: Graph) -> str:
    return f"{len(graph.nodes)} parts of the project, and {len(graph.edges)} ways in which they depend on each other"


def _row_top(layout: Layout, lane: int, row: int) -> int:
    return _MARGIN + row * (_HEIGHT + _DOWN) + lane * (_TITLE + _DOWN) + _TITLE


def _place(layout: Layout, key: str) -> tuple[int, int]:
    column, row = layout.places[key]
    lane = next(at for at, one in enumerate(layout.lanes) if one.first <= row < one.first + one.rows)
    return _MARGIN + _DOWN + column * (_WIDTH + _ACROSS), _row_top(layout, lane, row)


def _head(flow: Flow) -> str:
    return (
        f'<marker id="head-{flow}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{_STROKES[flow]}"/></marker>'
    )


def _line(flow: Flow) -> str:
    width = "2" if flow == "data" else "1"
    dashes = ' stroke-dasharray="4 3"' if flow == "uses" else ""
    return (
        f'fill="none" stroke="{_STROKES[flow]}" stroke-width="{width}"{dashes} marker-end="url(#head-{flow})"'
    )


def _arrow(edge: Edge, places: Mapping[str, tuple[int, int]]) -> str:
    """A curve from the right side of one box to the left of another; one that leads back leaves and enters from the outside."""
    (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
    start, end = (x1 + _WIDTH, y1 + _HEIGHT // 2), (x2, y2 + _HEIGHT // 2)
    bend = max(_ACROSS // 2, abs(end[0] - start[0]) // 3)
    path = f"M{start[0]} {start[1]} C{start[0] + bend} {start[1]} {end[0] - bend} {end[1]} {end[0]} {end[1]}"
    said = one_line(edge.label)
    title = f"<title>{escape(said)}</title>" if said else ""
    return f"<path d={quoteattr(path)} {_line(edge.flow)}>{title}</path>"


def _box(node: Node, x: int, y: int) -> Iterator[str]:
    round_ = {"entry point": 20, "job": 12, "endpoint": 20}.get(node.kind, 4)
    dashes = ' stroke-dasharray="4 3"' if node.optional else ""
    small = node.kind if node.kind in ("generator", "entry point") else node.detail
    whole = one_line(f"{node.label}: {node.kind}, {node.detail}")
    yield "<g>"
    yield f"<title>{escape(whole)}</title>"
    yield f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="{round_}" fill="{_FILLS[node.kind]}" stroke="#777777"{dashes}/>'
    yield f'<text x="{x + 10}" y="{y + 17}" fill="#111111">{escape(one_line(node.label, _FITS))}</text>'
    yield f'<text x="{x + 10}" y="{y + 32}" font-size="10" fill="#555555">{escape(one_line(small, _FITS_SMALL))}</text>'
    yield "</g>"


def _legend(y: int) -> Iterator[str]:
    for at, (flow, meaning) in enumerate(_MEANINGS.items()):
        x = _MARGIN + at * 130
        yield f'<path d="M{x} {y} L{x + 50} {y}" {_line(flow)}/>'
        yield f'<text x="{x + 58}" y="{y + 4}" fill="#555555">{meaning}</text>'
