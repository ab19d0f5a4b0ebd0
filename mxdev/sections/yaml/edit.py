"""Surgical edits of sections in YAML: only the lines of the section change.

Edits are collected on one parsed document, made on its lines all together, and then checked once: the new text is parsed and must be
the old tree with just those changes. So a thousand sections cost two parses, not two thousand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mxdev.errors import MxError
from mxdev.sections.address import Item, Key, Order, Step, Steps, unparse
from mxdev.sections.traces import LaterError, Trace, hash_of
from mxdev.sections.yaml.changes import Changes, Child, Container, KeyOrItem
from mxdev.sections.yaml.document import Document, Node, document_of, same
from mxdev.sections.yaml.places import (
    Place,
    Region,
    above_comments,
    cannot,
    child,
    container_line,
    find,
    own_step,
    parsed_fragment,
    parsed_key,
    raw,
    refuse_aliased,
    refuse_parent,
    region,
    shares_a_line,
    shift,
    step_at,
)


@dataclass(frozen=True)
class Insertion:
    """A section to put.

    Attributes:
        steps: its address.
        fragment: its text at the left edge, ends with a line break.
        wider: a function (step) -> the text with that indentation.
    """

    steps: Steps
    fragment: str
    wider: Callable[[int], str]


class Batch:
    """Edits of one document, collected and then made together."""

    def __init__(self, document: Document, order: Order) -> None:
        self.document = document
        self._order = order
        self._changes = Changes(document)
        self._put: dict[Steps, str] = {}
        self._taken: set[Steps] = set()
        self._cleared: set[Steps] = set()
        self._around: set[Steps] = set()
        self._anchors: set[str] = set()
        self._newlines: set[str] = set()
        self._closings: tuple[str, ...] = ()
        self._last: tuple[Steps, int, str | None] = ((), 0, None)

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        return not self._put and not self._taken

    # -- putting ----------------------------------------------------------------------------------------------

    def put(self, new: Insertion, trace: Trace) -> Trace:
        """Inserts or replaces a section.

        Args:
            new: the section.
            trace: what it takes over from the others.

        Returns:
            The trace to record.

        Raises:
            LaterError: the edits so far must be made first.
            MxError: as `sections.put`.
        """
        self.check(new.steps)
        if self._newlines and self._changes.tail_is_taken():
            raise LaterError  # the line break at the end may go with what is taken
        place = self._find(new.steps)
        refuse_parent(self.document, place, new.steps, new.fragment)
        if place.depth == len(new.steps):
            self._replace(place, new)
            return trace
        return self._insert(place, new, trace)

    def _replace(self, place: Place, new: Insertion) -> None:
        document, steps = self.document, new.steps
        container, node, number = place.nodes[-2], place.nodes[-1], place.positions[-1]
        assert container is not None
        there = region(document, container, number)
        if there is None:
            raise shares_a_line(document, child(container, number), steps, new.fragment)
        step = own_step(document, node, there.column) or step_at(document, place, len(steps) - 1)
        text = new.wider(step)
        if raw(document, there) == text:
            return
        refuse_aliased(document, there, steps)
        entry = self._meant(text, steps, there)
        ending = document.lines[there.last][len(document.lines[there.last].rstrip("\r\n")) :]
        if not ending:  # a line break only where there was one, if that will do
            if not self.empty:
                raise LaterError
            self._closings = ("", _newline(document, there.first))
        found = self._changes.container(place, steps[:-1]).numbered[number]
        found.there, found.entry, found.lines = there, entry, _indented(text, there.column)
        self._note(steps, there.first, new.fragment, text)

    def _insert(self, place: Place, new: Insertion, trace: Trace) -> Trace:
        document, steps, depth = self.document, new.steps, place.depth
        while steps[: depth + 1] in self._changes.containers and depth < len(steps) - 1:
            depth += 1  # made by an edit before this one
        made = [step for step in steps[depth:-1] if isinstance(step, Key)]
        if len(made) < len(steps[depth:-1]):
            missing = next(n for n in range(depth, len(steps)) if isinstance(steps[n], Item))
            raise MxError(
                f"{document.path}: there is no {unparse(steps[: missing + 1])}, to which {unparse(steps)} belongs.",
                hint=f"Add that item to the list, then run the command again, or paste this into it:\n\n{new.fragment}",
            )
        container = self._changes.container(place, steps[:depth])
        step = container.step or step_at(document, place, place.depth)
        index, at, column = self._where(container, place, new, steps[depth], step)
        text = new.wider(step)
        entry = self._meant(text, steps, None)
        container.column = column
        for number, key in enumerate(made):
            lines = [" " * (column + number * step) + container_line(key)]
            holder = Child((parsed_key(key), Node("mapping", 0, 0)), at=at, lines=lines)
            self._add(container, index, key, holder)
            container, index = Container(steps[: depth + number + 1], None, (container, holder)), 0
            container.column, container.step = column + (number + 1) * step, step
            holder.inner = self._changes.containers[container.steps] = container
        lines = _indented(text, column + len(made) * step)
        self._add(container, index, steps[-1], Child(entry, at=at, lines=lines))
        self._note(steps, min(at, len(document.lines) - 1), new.fragment, text)
        if made:
            known = trace.get("containers", [])
            trace["containers"] = [*known, *(unparse(steps[: depth + n + 1]) for n in range(len(made)))]
        if document.lines and at == len(document.lines) and not document.lines[-1].endswith(("\n", "\r")):
            trace["newline"] = sorted({*trace.get("newline", ()), hash_of(document.lines[-1])})
        return trace

    def _add(self, container: Container, index: int, step: Step, new: Child) -> None:
        container.children.insert(index, new)
        container.fresh[step] = new
        container.live += 1

    def _where(
        self, container: Container, place: Place, new: Insertion, step: Step, indentation: int
    ) -> tuple[int, int, int]:
        """Behind which of its children a new one goes (its index), the line before which its own go, and its column."""
        document = self.document
        if not container.live:
            if container.children:
                raise LaterError  # emptied by the edits before: what is left there shows only then
            if container.outer is None:
                return 0, document.end_line, 0
            parent, number = place.nodes[-2], place.positions[-1]
            assert parent is not None
            there = region(document, parent, number)
            if there is None:
                raise shares_a_line(document, child(parent, number), new.steps, new.fragment)
            return 0, there.last + 1, there.column + indentation
        column = self._changes.column(container)
        if column is None:
            assert container.node is not None
            raise shares_a_line(document, child(container.node, 0), new.steps, new.fragment)
        for other, behind in self._order.around(container.steps, step):
            found = self._changes.lookup(container, other)
            if found is None or (found.number >= 0 and self._changes.region(container, found) is None):
                continue
            index = container.children.index(found)
            if behind:
                return index + 1, self._behind(container, found, column), column
            return index, self._above(container, index), column
        index, last = next((n, c) for n, c in _backwards(container.children) if not c.gone)
        return index + 1, self._behind(container, last, column), column

    def _behind(self, container: Container, found: Child, column: int) -> int:
        """The line behind a child."""
        if found.number < 0:
            return found.at
        there = self._changes.region(container, found)
        if there is not None:
            return there.last + 1
        # It stands behind a dash or a `?`: its last line is found all the same.
        node = found.entry[1] if isinstance(found.entry, tuple) else found.entry
        return self.document.last_line(node, column) + 1

    def _above(self, container: Container, index: int) -> int:
        """The line above a child and the comments that belong to it."""
        found = container.children[index]
        there = self._changes.region(container, found) or Region(found.at, found.at, container.column)
        at = above_comments(self.document, there)
        before = container.children[index - 1] if index else None
        if found.number < 0 and at != there.first and not (before and before.at == at):
            raise LaterError  # comments above one that is new
        if before is not None and before.gone and before.there and before.there.last + 1 == at:
            raise LaterError  # comments above what is taken may be its comments from now on
        return at

    def _meant(self, text: str, steps: Steps, replaced: Region | None) -> KeyOrItem:
        """The entry that a fragment is; refuses one whose anchors would change what aliases elsewhere mean."""
        document = self.document
        written, entry = parsed_fragment(document.path, text, steps)
        for anchor in written.anchors:
            for other in document.anchors:
                line = document.line_of(other.start)
                if other.anchor == anchor.anchor and not (
                    replaced and replaced.first <= line <= replaced.last
                ):
                    raise MxError(
                        f"{document.path}:{line + 1}: the anchor &{anchor.anchor} of the section {unparse(steps)} is there already.",
                        hint="Give one of the two another name. Nothing was changed.",
                    )
        names = {str(anchor.anchor) for anchor in written.anchors}
        if names & self._anchors:
            raise LaterError
        self._anchors |= names
        return entry

    # -- taking -----------------------------------------------------------------------------------------------

    def take(self, steps: Steps, trace: Trace) -> None:
        """Takes a section back; one that is not there is no error.

        With it go the containers that mx made for it, from the inside out, each only while nothing else is in it. Example, with
        `containers: [a, a.b]` in the trace and `a.b.c` to take:

            a:          line 1: `a.b` is gone with it, and no line of `a` is left: `a` goes too
              b:        line 2: `a.b` has no other child, and all lines below its own are taken (one of one): it goes too
                c: 1    line 3: the section

        Had somebody written a comment into line 3 or 4 (`    # mine`), the lines below `b:` would be two and the taken ones one: the climb
        stops there, `a:` and `b:` stay, and so does the comment.

        Raises:
            LaterError: the edits so far must be made first.
            MxError: as `sections.take`.
        """
        self.check(steps)
        document, place = self.document, self._find(steps)
        if place.depth < len(steps):
            return
        refuse_parent(document, place, steps, None)
        node, number = place.nodes[-2], place.positions[-1]
        assert node is not None
        there = region(document, node, number)
        if there is None:
            raise shares_a_line(document, child(node, number), steps, None)
        refuse_aliased(document, there, steps)
        container = self._changes.container(place, steps[:-1])
        self._remove(container, container.numbered[number], there)
        made = set(trace.get("containers", ()))
        while container.outer is not None and not container.live and unparse(container.steps) in made:
            holder, above, step = container.node, container.outer[0], container.steps[-1]
            outer = self._changes.region(*container.outer)
            if outer is None or holder is None or holder.anchor or holder.tag:
                break
            bare = isinstance(step, Key) and document.lines[outer.first].strip() == container_line(step)
            if not bare or outer.last - outer.first != container.removed:
                break
            self._remove(above, container.outer[1], outer)
            self._cleared.add(container.steps)
            del self._changes.containers[container.steps]
            container = above
        self._taken.add(steps)
        self._newlines.update(trace.get("newline", ()))
        self._note(steps, there.first, None)

    def _remove(self, container: Container, found: Child, there: Region) -> None:
        found.gone, found.there = True, there
        container.live -= 1
        container.removed += there.last - there.first + 1

    # -- containers and children ------------------------------------------------------------------------------

    def check(self, steps: Steps) -> None:
        """Refuse a section that the edits so far have to do with.

        Raises:
            LaterError: they must be made first.
        """
        known = (steps[:depth] for depth in range(1, len(steps) + 1))
        if self._closings or steps in self._around or any(s in self._put or s in self._taken for s in known):
            raise LaterError

    def _note(self, steps: Steps, line: int, fragment: str | None, text: str = "") -> None:
        if fragment is not None:
            self._put[steps] = text
        self._around.update(steps[:depth] for depth in range(1, len(steps)))
        self._last = (steps, line, fragment)

    def _find(self, steps: Steps) -> Place:
        """Where an address leads, without the containers that are taken."""
        place = find(self.document, steps)
        for depth in range(1, place.depth + 1):
            if steps[:depth] in self._cleared:
                return Place(place.nodes[:depth], place.positions[: depth - 1])
        return place

    # -- the result -------------------------------------------------------------------------------------------

    def text(self) -> str:
        """The text with the edits made.

        Raises:
            LaterError, MxError: they cannot be made (together): the text would not be what is meant.
        """
        if self.empty:
            return self.document.bom + self.document.text
        root = self._changes.containers[()]
        meant = self._changes.tree(root)
        for closing in self._closings or (None,):
            for text in self._without_line_break(self._spliced(root, closing)):
                if self._verified(text, meant):
                    return text
        raise cannot(self.document, *self._last)

    def _spliced(self, root: Container, closing: str | None) -> str:
        """The text; `closing` ends the last line of the only edit, where that is not sure."""
        document, out, at = self.document, [self.document.bom], 0
        for first, end, lines in self._changes.splices(root):
            if first < at:
                raise LaterError
            out += document.lines[at:first]
            newline = _newline(document, first)
            if lines and len(out) > 1 and not out[-1].endswith(("\n", "\r")):
                out.append(newline)
            out += [line + newline for line in lines[:-1]]
            out += [line + (newline if closing is None else closing) for line in lines[-1:]]
            at = end
        return "".join([*out, *document.lines[at:]])

    def _without_line_break(self, text: str) -> Iterator[str]:
        """The text without the line break that putting added, where that is at the end again; then as it is."""
        match = re.search(r"([^\r\n]*)(\r\n|\n|\r)\Z", text)
        if self._taken and match and hash_of(match[1]) in self._newlines and self._changes.tail_is_taken():
            yield text[: match.start(2)]
        yield text

    def _verified(self, text: str, meant: Node) -> bool:
        """Whether a new text parses to the tree that is meant and gives back exactly the sections that were put."""
        try:
            made = document_of(self.document.path, text)
        except MxError:
            return False
        if not same(made.root, meant):
            return False
        for steps, fragment in self._put.items():
            place = find(made, steps)
            container = place.nodes[len(steps) - 1] if place.depth == len(steps) else None
            there = region(made, container, place.positions[-1]) if container else None
            if there is None or raw(made, there) != fragment:
                return False
        return True


def _backwards(children: list[Child]) -> Iterator[tuple[int, Child]]:
    for index in range(len(children) - 1, -1, -1):
        yield index, children[index]


# -- lines ----------------------------------------------------------------------------------------------------


def _newline(document: Document, line: int) -> str:
    """The line break of the lines around, else the file's first, else `\\n`."""
    for near in (*document.lines[max(line - 1, 0) : line + 1], *document.lines[:1]):
        if match := re.search(r"(\r\n|\n|\r)$", near):
            return match[0]
    return "\n"


def _indented(text: str, column: int) -> list[str]:
    return shift(text.split("\n")[:-1], column).split("\n")[:-1]
