"""YAML trees as they are meant to be after an edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mxdev.errors import MxError
from mxdev.section_address import Item, Key, Steps, unparse
from mxdev.yaml_document import Document, Node, with_entries, with_items
from mxdev.yaml_places import Place, child, position


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
    from mxdev.yaml_render import render_entry

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
