"""One YAML file as text with positions: what stands where, and which lines belong to which key.

Built from PyYAML's events (libyaml's where it is there; both give the same positions once the BOM is cut off, which a test holds).
Events and not `compose`, because composing replaces an alias by the node it points to and with that loses its place.
Format: YAML 1.1, https://yaml.org/spec/1.1/, as PyYAML 6 reads it.
"""

from __future__ import annotations

import gc
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeVar

from mxdev.errors import MxError

BOM = "\ufeff"
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_BLOCK_HEADER = re.compile(r"(?:[&!]\S*[ \t]+)*[|>]([-+0-9]*)")


@dataclass(slots=True)
class Node:
    """A scalar, mapping, sequence or alias, with the characters from `start` up to `end` (not included)."""

    kind: str
    start: int
    end: int
    tag: str | None = None
    anchor: str | None = None
    value: str = ""
    """The text of a scalar, the name of an alias."""
    style: str | None = None
    plain: bool = False
    flow: bool = False
    entries: list[tuple[Node, Node]] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    target: Node | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing at all is written there (`key:`)."""
        return (
            self.kind == "scalar"
            and self.plain
            and not self.value
            and self.tag is None
            and self.anchor is None
        )


def nothing() -> Node:
    """The node of a value that is not there."""
    return Node("scalar", 0, 0, plain=True)


def same(one: Node | None, other: Node | None) -> bool:
    """Whether two trees say the same: kinds, tags, anchors, texts, quoted or not, order. Positions do not count."""
    todo = [(one or nothing(), other or nothing())]
    while todo:
        a, b = todo.pop()
        if (a.kind, a.tag, a.anchor, a.value, a.plain) != (b.kind, b.tag, b.anchor, b.value, b.plain):
            return False
        if len(a.entries) != len(b.entries) or len(a.items) != len(b.items):
            return False
        todo.extend(zip(a.items, b.items, strict=True))
        for (ka, va), (kb, vb) in zip(a.entries, b.entries, strict=True):
            todo += [(ka, kb), (va, vb)]
    return True


T = TypeVar("T")


class Document:
    """A YAML text with at most one document. It does not change, so what was once found out about it is remembered.

    Args:
        path: the file's name, for errors.
        text: its text; a BOM at the start is allowed.
        fragment: a piece of a file: an alias may point outside it.

    Raises:
        MxError: not YAML, several documents, a key that is there twice, an alias without its anchor.
    """

    def __init__(self, path: str, text: str, *, fragment: bool = False) -> None:
        self.path = path
        self.bom = BOM if text.startswith(BOM) else ""
        self.text = text[len(self.bom) :]
        if self.text.startswith(BOM):  # libyaml would take it for no character at all
            raise MxError(f"{path}:1: the file starts with two byte order marks.", hint="Remove one of them.")
        self.lines = _LINE.findall(self.text)
        self.starts: list[int] = []
        at = 0
        for line in self.lines:
            self.starts.append(at)
            at += len(line)
        self.root: Node | None = None
        self.aliases: list[Node] = []
        self.anchors: list[Node] = []
        self.end_line = len(self.lines)
        """The line of `...`, or the number of lines."""
        self._remembered: dict[tuple[int, Any], Any] = {}
        self._build(fragment)

    # -- building ---------------------------------------------------------------------------------------------

    def _build(self, fragment: bool) -> None:
        import yaml

        loader_class: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            loader = loader_class(self.text)
            # The nodes all stay, and a collector that looks at them again and again takes most of the time.
            collecting = gc.isenabled()
            gc.disable()
            try:
                self._read_events(loader, yaml, fragment)
            finally:
                if collecting:
                    gc.enable()
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f"{self.path}:{mark.line + 1}" if mark else self.path
            raise MxError(
                f"{where}: this is not valid YAML: {error.problem or error.context}.",
                hint="Repair the file, then run the command again. Nothing was changed.",
            ) from error
        except yaml.YAMLError as error:
            position = getattr(error, "position", None)
            where = f"{self.path}:{self.line_of(position) + 1}" if isinstance(position, int) else self.path
            raise MxError(
                f"{where}: this is not valid YAML: {getattr(error, 'reason', error)}.",
                hint="Repair the file, then run the command again. Nothing was changed.",
            ) from error

    def _read_events(self, loader: Any, yaml: Any, fragment: bool) -> None:
        open_nodes: list[tuple[Node, list[Node]]] = []  # each collection with its children so far
        known: dict[str, Node] = {}
        documents = 0
        while loader.check_event():
            event = loader.get_event()
            kind = type(event)
            node: Node | None = None
            if kind is yaml.ScalarEvent:
                node = Node("scalar", event.start_mark.index, event.end_mark.index, event.tag, event.anchor)
                node.value, node.style, node.plain = event.value, event.style, bool(event.implicit[0])
            elif kind is yaml.AliasEvent:
                node = Node("alias", event.start_mark.index, event.end_mark.index, value=event.anchor)
                node.target = known.get(event.anchor)
                if node.target is None and not fragment:
                    raise MxError(
                        f"{self.path}:{self.line_of(node.start) + 1}: the alias *{event.anchor} has no anchor above it.",
                        hint="Repair the file, then run the command again. Nothing was changed.",
                    )
                self.aliases.append(node)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                name = "mapping" if kind is yaml.MappingStartEvent else "sequence"
                node = Node(name, event.start_mark.index, event.end_mark.index, event.tag, event.anchor)
                node.flow = bool(event.flow_style)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                done, children = open_nodes.pop()
                done.end = event.end_mark.index
                if done.kind == "mapping":
                    done.entries = list(zip(children[::2], children[1::2], strict=True))
                    self._check_keys(done)
                else:
                    done.items = children
                continue
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise MxError(
                        f"{self.path}:{self.line_of(event.start_mark.index) + 1}: the file has several documents (`---`);"
                        " mx edits files with one.",
                        hint="Move the other documents into files of their own.",
                    )
            elif kind is yaml.DocumentEndEvent and event.explicit:
                self.end_line = self.line_of(event.start_mark.index)
            if node is None:
                continue
            if node.anchor is not None:
                known[node.anchor] = node
                self.anchors.append(node)
            if open_nodes:
                open_nodes[-1][1].append(node)
            else:
                self.root = node
            if node.kind in ("mapping", "sequence"):
                open_nodes.append((node, []))

    def _check_keys(self, mapping: Node) -> None:
        seen: dict[tuple[str, bool], Node] = {}
        for key, _ in mapping.entries:
            if key.kind != "scalar" or (key.value == "<<" and key.plain):
                continue
            first = seen.setdefault((key.value, key.plain), key)
            if first is not key:
                raise MxError(
                    f"{self.path}:{self.line_of(key.start) + 1}: the key {key.value!r} is there twice,"
                    f" first on line {self.line_of(first.start) + 1}.",
                    hint="Remove one of the two, then run the command again. Nothing was changed.",
                )

    # -- places -----------------------------------------------------------------------------------------------

    def line_of(self, index: int) -> int:
        """The number of the line (from 0) that holds the character at `index`."""
        return max(bisect_right(self.starts, index) - 1, 0)

    def column_of(self, index: int) -> int:
        """How many characters stand before `index` on its line."""
        return index - self.starts[self.line_of(index)] if self.starts else 0

    def own_line(self, key: Node) -> bool:
        """Whether only spaces stand before a key, so that its lines are its own."""
        line = self.line_of(key.start)
        return not self.text[self.starts[line] : key.start].strip(" ")

    def dash_line(self, sequence: Node, number: int) -> int | None:
        """The line of the dash of an item, None if the item does not have its lines for itself (`- - x`)."""
        item = sequence.items[number]
        line = self.line_of(item.start)
        before = self._last_content_line(sequence.items[number - 1]) if number else -1
        above = max(before, self.line_of(sequence.start) - 1)
        while line > above:
            if match := re.match(r"( *)-(?=[ \t\r\n]|$)", self.lines[line]):
                column = len(match[1])
                if sequence.tag or sequence.anchor or column == self.column_of(sequence.start):
                    return line
                return None
            line -= 1
        return None

    def last_line(self, node: Node, column: int) -> int:
        """The last line of a value whose key or dash stands at `column`, with the comments that are indented below it.

        A block's own end mark lies behind the blank lines and comments of the *next* key; this one does not. Example, for the value of `one`
        (column 0):

            one:            the last scalar in it decides: `c` in line 3
              a:
                b: c        line 3, where the content ends
                            blank: belongs to whatever comes behind it, if that is still of `one`
                # d: e      indented more than `one`: commented out below it, so it is of `one`, and so is the blank line above
                            blank
            # about two     indented as `one` is: the comment of the next key. The last line is 5
            two: ...        here PyYAML says that `one` ends

        A last scalar in block style (`|`) ends where its text does; see `_last_content_line`.
        """
        last = self._last_content_line(node)
        line = last + 1
        while line < self.end_line:
            stripped = self.lines[line].strip()
            if stripped and not (stripped.startswith("#") and self.indent(line) > column):
                break
            if stripped:
                last = line
            line += 1
        return last

    def indent(self, line: int) -> int:
        """How many spaces or tabs a line starts with."""
        text = self.lines[line]
        return len(text) - len(text.lstrip(" \t"))

    def _last_content_line(self, node: Node) -> int:
        """The last line with content of a value.

        Of a block scalar that is its last line of text: of `|` with `x`, then an empty line, then a line of four spaces, all indented by two,
        it is that of the four spaces (two of them are text). With `|+` every line up to the next key is text.
        """
        while node.kind in ("mapping", "sequence") and not node.flow:
            if node.kind == "mapping":
                key, value = node.entries[-1]
                node = key if value.empty and value.end < key.end else value
            else:
                node = node.items[-1]
        if node.kind != "scalar" or node.style not in ("|", ">"):
            return self.line_of(node.end)
        last = self.line_of(node.end)
        if node.end == self.starts[last]:
            last = max(last - 1, self.line_of(node.start))
        header = _BLOCK_HEADER.match(self.text, node.start)
        if header is None or "+" in header[1]:
            return last  # every blank line counts
        first = self.line_of(header.end()) + 1
        if re.search("[0-9]", header[1]):
            deepest = 0  # the indentation is not that of the first line: only what is surely blank is
        else:
            content = (self.lines[n] for n in range(first, last + 1) if self.lines[n].strip(" \r\n"))
            deepest = next((len(line) - len(line.lstrip(" ")) for line in content), len(self.text))
        while (
            last >= first
            and not self.lines[last].strip(" \r\n")
            and len(self.lines[last].rstrip("\r\n")) <= deepest
        ):
            last -= 1
        return last

    def aliases_of(self, first: int, last: int) -> list[tuple[Node, Node]]:
        """The aliases outside the lines `first` to `last` that point into them, with their anchors."""
        start = self.starts[first]
        end = self.starts[last] + len(self.lines[last])
        inside = [anchor for anchor in _between(self.anchors, start, end) if self.users(anchor)]
        return [
            (alias, anchor)
            for anchor in inside
            for alias in self.users(anchor)
            if not start <= alias.start < end
        ]

    def refers(self, first: int, last: int) -> bool:
        """Whether the lines `first` to `last` hold an alias."""
        start = self.starts[first]
        end = self.starts[last] + len(self.lines[last])
        return bool(_between(self.aliases, start, end))

    def users(self, anchor: Node) -> Sequence[Node]:
        """The aliases that point to a node."""
        if not self.aliases:
            return ()
        key = (-1, "users")
        if key not in self._remembered:
            found: dict[int, list[Node]] = {}
            for alias in self.aliases:
                if alias.target is not None:
                    found.setdefault(id(alias.target), []).append(alias)
            self._remembered[key] = found
        users: Sequence[Node] = self._remembered[key].get(id(anchor), ())
        return users

    def numbers(self, node: Node) -> dict[Any, list[int]]:
        """The numbers of a node's entries by key, and of its items by each `(key, value)` in them."""
        return self.remember(node, _numbers)

    def remember(self, node: Node, ask: Callable[[Document, Node], T]) -> T:
        """What `ask` says of a node of this document; it is asked once."""
        key = (id(node), ask)
        if key not in self._remembered:
            self._remembered[key] = ask(self, node)
        answer: T = self._remembered[key]
        return answer


def _numbers(document: Document, node: Node) -> dict[Any, list[int]]:
    found: dict[Any, list[int]] = {}
    for number, (key, _) in enumerate(node.entries):
        if key.kind == "scalar":
            found.setdefault(key.value, []).append(number)
    for number, item in enumerate(node.items):
        for key, value in item.entries:
            if value.kind == "scalar":
                numbers = found.setdefault((key.value, value.value), [])
                if number not in numbers[-1:]:
                    numbers.append(number)
    return found


def _between(nodes: list[Node], start: int, end: int) -> list[Node]:
    """Those of the nodes, which are in the order of the text, that start there."""
    first = bisect_left(nodes, start, key=lambda node: node.start)
    return nodes[first : bisect_left(nodes, end, lo=first, key=lambda node: node.start)]


@lru_cache(maxsize=8)
def document_of(path: str, text: str) -> Document:
    """As `Document(path, text)`; a file that is asked for again and again, with the same text, is parsed once."""
    return Document(path, text)


def with_entries(mapping: Node, entries: list[tuple[Node, Node]]) -> Node:
    """The mapping with other entries; nothing is written there when none is left."""
    if not entries:
        return replace(nothing(), anchor=mapping.anchor, tag=mapping.tag)
    return replace(mapping, entries=entries)


def with_items(sequence: Node, items: list[Node]) -> Node:
    """The sequence with other items; nothing is written there when none is left."""
    if not items:
        return replace(nothing(), anchor=sequence.anchor, tag=sequence.tag)
    return replace(sequence, items=items)
