"""What a YAML document's containers will be: which children go, come or get other lines. The document itself stays as it was parsed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mxdev.sections.address import Step, Steps
from mxdev.sections.yaml.document import Document, Node, with_entries, with_items
from mxdev.sections.yaml.places import Place, Region, position, region

KeyOrItem = tuple[Node, Node] | Node
"""What a container holds: a key with its value, or an item."""


@dataclass(eq=False)
class Child:
    """An entry or item of a container, as it will be.

    Attributes:
        entry: itself.
        number: its number in the document; -1 for a new one.
        there: the lines that it has in the document for itself.
        at: the line before which a new one goes.
        lines: the lines of one that is new or replaced.
        gone: whether it is taken.
        inner: its value as a container, where something in it changes.
    """

    entry: KeyOrItem
    number: int = -1
    there: Region | None = None
    at: int = -1
    lines: list[str] | None = None
    gone: bool = False
    inner: Container | None = None


@dataclass(eq=False)
class Container:
    """A mapping or list in which something changes.

    Attributes:
        steps: its address.
        node: itself in the document; None, or a node with nothing in it: new.
        outer: the container around it, and what it is there; None for the root.
        children: in order, taken ones included.
        column: where its keys or dashes stand; -1: not known yet.
        step: by how many spaces what is in its children is indented; 0: as the document shows.
        numbered: the children that are in the document, by number.
        fresh: its new children.
        live: how many children it will have.
        removed: how many of its lines are taken.
    """

    steps: Steps
    node: Node | None
    outer: tuple[Container, Child] | None
    children: list[Child] = field(default_factory=list)
    column: int = -1
    step: int = 0
    numbered: list[Child] = field(default_factory=list)
    fresh: dict[Step, Child] = field(default_factory=dict)
    live: int = 0
    removed: int = 0


class Changes:
    """The containers of a document in which something changes.

    Example: in `a:\\n  x: 1\\n  y: 2\\nb: 3\\n`, put `a.z` (wanted behind `a.x`), put `c.d`, take `a.y`:

        root  a (inner: below), b, c (new, before line 5, lines `c:`; inner: d (new, before line 5, lines `  d: ...`))
        a     x, z (new, before line 3, lines `  z: ...`), y (gone, its lines: 3 to 3)

    Walking through this gives the splices in the order of the lines (insert before 3, cut 3, insert before 5 twice), and the tree that is
    meant: `a: {x, z}, b, c: {d}`.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.containers: dict[Steps, Container] = {}

    def container(self, place: Place, steps: Steps) -> Container:
        """The container at an address, which is in the document or made by an edit before."""
        if (known := self.containers.get(steps)) is not None:
            return known
        node, outer = place.nodes[len(steps)], None
        if steps:
            above = self.container(place, steps[:-1])
            outer = above, above.numbered[place.positions[len(steps) - 1]]
        new = Container(steps, node, outer)
        if node is not None and not node.empty:
            entries: list[KeyOrItem] = [*node.entries, *node.items]
            new.numbered = [Child(entry, number) for number, entry in enumerate(entries)]
            new.children, new.live = list(new.numbered), len(new.numbered)
        if outer:
            outer[1].inner = new
        self.containers[steps] = new
        return new

    def lookup(self, container: Container, step: Step) -> Child | None:
        """The child that a step means; None if there is none, or none any more."""
        if (new := container.fresh.get(step)) is not None:
            return new
        number = position(self.document, container.node, step)
        found = None if number is None else container.numbered[number]
        return None if found is None or found.gone else found

    def region(self, container: Container, found: Child) -> Region | None:
        """The lines that a child has for itself in the document; None for a new one, too."""
        if found.there is None and found.number >= 0 and container.node is not None:
            found.there = region(self.document, container.node, found.number)
        return found.there

    def column(self, container: Container) -> int | None:
        """Where the keys or dashes of a block stand; None if no line shows it."""
        if container.column >= 0:
            return container.column
        for found in container.children:
            there = self.region(container, found)
            if there is not None:
                return there.column
        node = container.node
        if node is not None and node.kind == "mapping" and not node.anchor and not node.tag:
            return self.document.column_of(node.start)  # behind a dash, or at a `?`
        return None

    def splices(self, container: Container) -> Iterator[tuple[int, int, list[str]]]:
        """The lines to replace, first and behind the last, and what replaces them."""
        for found in container.children:
            if found.gone and found.there is not None:
                yield found.there.first, found.there.last + 1, []
                continue
            if found.lines is not None:
                first, end = (found.at, found.at) if found.there is None else _span(found.there)
                yield first, end, found.lines
            if found.inner is not None:
                yield from self.splices(found.inner)

    def tail_is_taken(self) -> bool:
        """Whether the last line of the document goes."""
        container = self.containers[()]
        while container.children:
            last = container.children[-1]
            if last.gone:
                return last.there is not None and last.there.last == len(self.document.lines) - 1
            if last.inner is None:
                return False
            container = last.inner
        return False

    def tree(self, container: Container) -> Node:
        """The container as it is meant to be, for `document.same`."""
        entries: list[KeyOrItem] = []
        for found in container.children:
            if found.gone:
                continue
            entry = found.entry
            if found.inner is not None:
                inner = self.tree(found.inner)
                entry = (entry[0], inner) if isinstance(entry, tuple) else inner
            entries.append(entry)
        pairs = [entry for entry in entries if isinstance(entry, tuple)]
        items = [entry for entry in entries if isinstance(entry, Node)]
        node = container.node
        if node is None or node.empty:
            node = Node("sequence" if items else "mapping", 0, 0)
        return with_items(node, items) if node.kind == "sequence" else with_entries(node, pairs)


def _span(there: Region) -> tuple[int, int]:
    return there.first, there.last + 1
