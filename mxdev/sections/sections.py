"""Sections: named parts of a file that several instances share. Every other byte of the file stays as it is.

In YAML a section is a key of a mapping (`deployments.mlflow`) or an item of a list (`imports[path=deploy/x.yaml]`); in other text files it is
what stands between two marker lines, and its address is the instance's name. All functions are pure: bytes in, bytes out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from mxdev.errors import MxError
from mxdev.sections.address import Item, Key, Order, Step, Steps, parse, unparse
from mxdev.sections.traces import LaterError, Trace, Traces

if TYPE_CHECKING:
    from mxdev.sections.yaml.document import Document
    from mxdev.sections.yaml.edit import Batch

__all__ = [
    "Edit",
    "File",
    "Fragment",
    "Item",
    "Key",
    "Traces",
    "address",
    "is_yaml",
    "named",
    "put",
    "read",
    "render",
    "same",
    "take",
]


@dataclass(frozen=True)
class Fragment:
    """A section as it stands in a file.

    Attributes:
        text: its lines moved to the left edge, `\\n` line breaks. A section that only differs from `render` by the file's own
            indentation (four spaces) has the text that `render` gives, so that equal texts mean: nobody edited it.
        line: the number of its first line in the file, from 1.
    """

    text: str
    line: int
    load: Callable[[], Any] = field(compare=False, repr=False)

    @property
    def value(self) -> Any:
        """The plain data in it (for a text file the text).

        Raises:
            MxError: it holds what plain data cannot carry, a `!tag` of a person for example. Its text is there all the same.
        """
        return self.load()


@dataclass(frozen=True)
class Edit:
    """The file after a section was put, and the JSON-able record from which `take` takes everything back."""

    data: bytes
    trace: Trace


def is_yaml(path: str) -> bool:
    """Whether sections of this file are YAML keys and items; otherwise they are marked lines."""
    place = PurePosixPath(path)
    return place.suffix in (".yaml", ".yml") or place.name == "MLproject"  # MLflow's, which is YAML


def address(*steps: str | tuple[str, str] | Step) -> str:
    """The address of a key path; a pair is the item of a list with that key and value.

    `address("deployments", "a.b")` is `deployments['a.b']`; `address("imports", ("path", "x.yaml"))` is `imports[path=x.yaml]`.
    """
    return unparse([Key(s) if isinstance(s, str) else Item(*s) if isinstance(s, tuple) else s for s in steps])


def render(address: str, value: Any, *, comment: str | None = None, path: str = ".yaml") -> str:
    """The canonical text of a section: block YAML with two spaces, or the text itself.

    Args:
        address: its address; the last step gives the key.
        value: plain data: None, bool, int, float, str, date, list or tuple, dict. In a text file: text.
        comment: written as `# ...` lines between the key and its block (behind a one-line value). It is part of the section.
        path: the file it is for; its suffix decides.

    Raises:
        MxError: a value that YAML cannot carry.
    """
    if not is_yaml(path) and path != ".yaml":
        from mxdev.sections import text as text_sections

        return text_sections.normal(_text(value, address))
    return _render(parse(address), value, comment, 2)


class File:
    """A file with sections. It is parsed once; edits are collected, made together and checked once when `data` is asked for.

    Args:
        path: the file's name; its suffix decides between YAML and marked lines.
        data: the file, None if there is none.
        order: addresses (of any depth) in the wanted order. A new section goes after its last predecessor that is there, else before its
            first successor, else to the end of its container.
        traces: the traces recorded for the sections that are in this file.
    """

    def __init__(
        self,
        path: str,
        data: bytes | None,
        *,
        order: Sequence[str] = (),
        traces: Traces | None = None,
    ) -> None:
        self.path = path
        self.order = order
        self.traces = traces or Traces()
        self._data = data
        self._batch: Any = None
        self._edits: list[Callable[[Any], object]] = []
        self._made_by_mx = False

    @property
    def data(self) -> bytes | None:
        """The file with the edits made; None: mx made it and nothing is left in it, or it was never there.

        Raises:
            MxError: an edit would change something else.
        """
        self._make()
        return self._data

    def copy(self) -> File:
        """The same file, to be edited in another way."""
        return File(self.path, self.data, order=self.order, traces=Traces(self.traces.all()))

    def read(self, address: str) -> Fragment | None:
        """A section as it stands in the file; None if it is not there.

        Raises:
            MxError: the file cannot be read as what it should be.
        """
        self._make()
        if self._data is None:
            return None
        if is_yaml(self.path):
            return _read_yaml(self._now().document, parse(address))
        found = self._now().read(address)
        return None if found is None else Fragment(found[0], found[1], lambda: found[0])

    def put(self, address: str, fragment: Any, *, comment: str | None = None) -> Trace:
        """Inserts a section in its place, or replaces it. What is there already stays as it is, byte for byte.

        Args:
            address: the section.
            fragment: its text as `render` or `Fragment.text` gives it, key or dash included, or its value as plain data. A `str` is always
                a text (a value that is text goes through `render`), so that no value can be mistaken for YAML.
            comment: see `render`; only with a value.

        Returns:
            The trace to record for this section; it takes over from the others, so that whoever leaves last takes back what the
            first one brought.

        Raises:
            MxError: nothing can be put there without touching something else; the message shows the text to paste.
        """
        parents = _containers(self.path, address)

        def edit(batch: Any) -> Trace:
            trace = self.traces.inherited(parents)
            if is_yaml(self.path):
                trace = _put_yaml(batch, address, fragment, comment, trace)
            else:
                trace = batch.put(address, _text(fragment, address), trace)
            return trace | {"file": True} if self._data is None else trace

        trace: Trace = self._edit(edit)
        self.traces.set(address, trace)
        return trace

    def take(self, address: str, trace: Trace | None = None) -> None:
        """Takes back a section and exactly what putting it changed: containers, line break, file. A missing section is not an error.

        Args:
            address: the section.
            trace: what `put` gave for it; None: the one that the file knows.

        Raises:
            MxError: others alias the section, or it does not have its lines for itself.
        """
        was = self.traces.get(address) if trace is None else trace
        self.traces.pop(address)
        if self._data is None and not self._edits:
            return
        self._edit(lambda batch: batch.take(parse(address) if is_yaml(self.path) else address, was))
        self._made_by_mx = self._made_by_mx or bool(was.get("file"))
        if not self._edits:
            self._leave_nothing()

    def _now(self) -> Any:
        """The edits that are being collected."""
        if self._batch is None:
            text = "" if self._data is None else _decoded(self.path, self._data)
            if is_yaml(self.path):
                from mxdev.sections.yaml.document import document_of
                from mxdev.sections.yaml.edit import Batch
                from mxdev.sections.yaml.values import refuse_large

                refuse_large(self._data or b"", self.path)
                self._batch = Batch(document_of(self.path, text), Order(self.order))
            else:
                from mxdev.sections import text as text_sections

                self._batch = text_sections.Batch(self.path, text, self.order)
        return self._batch

    def _edit(self, edit: Callable[[Any], Any]) -> Any:
        """Collect an edit. What does not go together with the edits before it, or fails, is tried again after those are made."""
        try:
            result = edit(self._now())
        except (LaterError, MxError):
            if not self._edits:
                self._batch = None
                raise
            self._make()
            result = edit(self._now())
        if not self._now().empty:
            self._edits.append(edit)
        return result

    def _make(self) -> None:
        """Make the collected edits: together, or one by one where that fails, so that the error is that of one edit."""
        if not self._edits:
            return
        batch, edits = self._batch, self._edits
        self._batch, self._edits = None, []
        try:
            text = batch.text()
        except (LaterError, MxError):
            if len(edits) == 1:
                raise
            for edit in edits:
                self._edit(edit)
                self._make()
            return
        self._data = text.encode()
        self._leave_nothing()

    def _leave_nothing(self) -> None:
        """Where nothing is left in a file that mx made, the file goes."""
        if self._made_by_mx and not self._data:
            self._data, self._batch = None, None
        self._made_by_mx = False


def named(path: str, data: bytes) -> list[str]:
    """The names of the sections that begin in a text file, whole or not; [] where its kind of file takes none."""
    from mxdev.sections.marks import marks_of

    try:
        marks = marks_of(path)
    except MxError:
        return []
    found = (marks.begins(line) for line in data.decode("utf-8", "replace").split("\n"))
    return [name for name in found if name]


def read(data: bytes | None, address: str, *, path: str = "the file.yaml") -> Fragment | None:
    """A section as it stands in a file; None if it is not there. Errors as those of `File.read`."""
    return File(path, data).read(address)


def put(
    path: str,
    data: bytes | None,
    address: str,
    fragment: Any,
    *,
    order: Sequence[str] = (),
    traces: Sequence[Trace] = (),
    comment: str | None = None,
) -> Edit:
    """One section put into a file: the new file, and the trace to record. Arguments and errors as those of `File` and `File.put`."""
    file = File(path, data, order=order, traces=Traces(others=traces))
    trace = file.put(address, fragment, comment=comment)
    return Edit(file.data or b"", trace)


def take(path: str, data: bytes, address: str, trace: Trace) -> bytes | None:
    """One section taken back: the new file; None when mx made it and nothing is left. Arguments and errors as those of `File.take`."""
    file = File(path, data)
    file.take(address, trace)
    return file.data


def same(path: str, one: str, other: str) -> bool:
    """Whether two texts of a section say the same; in YAML comments, layout and the order of keys say nothing.

    The one comparison of sections: `mx status`, `mx lint` and merges agree by it. `false` is not `0`, `1` is not `1.0`.
    """
    if one == other or not is_yaml(path):
        return one == other
    from mxdev.sections.yaml.document import Document
    from mxdev.sections.yaml.values import equal, value_of

    try:
        left, right = (Document(path, text) for text in (one, other))
        return equal(value_of(left, left.root), value_of(right, right.root))
    except (MxError, RecursionError):  # a person's own tag, an alias to somewhere else
        return False


def _containers(path: str, address: str) -> list[str]:
    """What a section stands in, outermost first."""
    if is_yaml(path):
        steps = parse(address)
        return [unparse(steps[:depth]) for depth in range(1, len(steps))]
    from mxdev.sections.toml_places import list_of

    found = list_of(path, address)
    return [] if found is None else [".".join(found)]


def _render(steps: Steps, value: Any, comment: str | None, step: int) -> str:
    from mxdev.sections.yaml.write import render_entry, render_item

    last = steps[-1]
    if isinstance(last, Key):
        return render_entry(last.name, value, comment=comment, step=step)
    if not isinstance(value, dict) or str(value.get(last.key)) != last.value:
        raise MxError(f"The section {unparse(steps)} must be a mapping with {last.key}: {last.value}.")
    return render_item(value, comment=comment, step=step)


def _put_yaml(batch: Batch, address: str, fragment: Any, comment: str | None, trace: Trace) -> Trace:
    from mxdev.sections.yaml.edit import Insertion

    steps = parse(address)
    batch.check(steps)
    there = _read_yaml(batch.document, steps)
    if isinstance(fragment, str):
        text = fragment.replace("\r\n", "\n")
    elif comment is None and there is not None and _has_value(there, fragment):
        return trace
    else:
        text = _render(steps, fragment, comment, 2)
    if there is not None and there.text == text:
        return trace
    return batch.put(
        Insertion(steps, text, lambda step: _wider(batch.document.path, steps, text, step)), trace
    )


def _wider(path: str, steps: Steps, text: str, step: int) -> str:
    """The text of a section with another indentation, where it is as `render` gives it; a person's own text stays."""
    from mxdev.sections.yaml.places import parsed_fragment
    from mxdev.sections.yaml.values import value_of

    if step == 2:
        return text
    written, node = parsed_fragment(path, text, steps)
    comment = _comment(text)

    def load() -> Any:
        return value_of(written, node[1] if isinstance(node, tuple) else node)

    return _render(steps, load(), comment, step) if text == _try_render(steps, load, comment, 2) else text


def _has_value(there: Fragment, value: Any) -> bool:
    from mxdev.sections.yaml.values import equal

    try:
        return equal(there.value, value)
    except (MxError, RecursionError):
        return False


def _read_yaml(document: Document, steps: Steps) -> Fragment | None:
    from mxdev.sections.yaml import places as yaml_places
    from mxdev.sections.yaml.values import value_of

    place = yaml_places.find(document, steps)
    if place.depth < len(steps):
        return None
    container, node = place.nodes[-2], place.nodes[-1]
    assert container is not None
    assert node is not None

    def load() -> Any:
        return value_of(document, node)

    there = yaml_places.region(document, container, place.positions[-1])
    if there is None:  # it does not have its lines for itself: flow style
        return Fragment(document.text[node.start : node.end] + "\n", document.line_of(node.start) + 1, load)
    found = yaml_places.raw(document, there)
    if not document.refers(there.first, there.last):
        comment = _comment(found)
        for step in yaml_places.steps_in(found):
            if found == _try_render(steps, load, comment, step):
                found = _render(steps, load(), comment, 2)
                break
    return Fragment(found, there.first + 1, load)


def _try_render(steps: Steps, load: Callable[[], Any], comment: str | None, step: int) -> str | None:
    try:
        return _render(steps, load(), comment, step)
    except MxError:
        return None  # a person's own text


def _comment(text: str) -> str | None:
    """The comment lines between a section's key and its block."""
    lines = []
    for line in text.split("\n")[1:]:
        if not line.lstrip().startswith("#"):
            break
        lines.append(line.strip().removeprefix("#").strip())
    if lines:
        return "\n".join(lines)
    return None


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise MxError(f"The section {name} of a text file must be text, not {type(value).__name__}.")
    return str(value)


def _decoded(path: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MxError(
            f"{path}:{line}: the file is not UTF-8 (byte 0x{data[error.start]:02x}).",
            hint="Save it as UTF-8, then run the command again. Nothing was changed.",
        ) from error
