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
from mxdev.sections.address import Item, Key, Step, Steps, parse, unparse

if TYPE_CHECKING:
    from mxdev.sections.yaml_document import Document

__all__ = ["Edit", "Fragment", "Item", "Key", "address", "is_yaml", "put", "read", "render", "take"]

Trace = dict[str, Any]


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
    return PurePosixPath(path).suffix in (".yaml", ".yml")


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


def read(data: bytes | None, address: str, *, path: str = "the file.yaml") -> Fragment | None:
    """A section as it stands in a file; None if it is not there.

    Args:
        data: the file, None if there is none.
        address: the section.
        path: the file's name, for errors; its suffix decides between YAML and marked lines.

    Raises:
        MxError: the file cannot be read as what it should be.
    """
    if data is None:
        return None
    text = _decoded(path, data)
    if not is_yaml(path):
        from mxdev.sections import text as text_sections

        found = text_sections.read(path, text, address)
        if found is None:
            return None
        marker = text_sections.BEGIN + address
        line = next(n for n, x in enumerate(text.removeprefix("\ufeff").split("\n")) if x.rstrip() == marker)
        return Fragment(found, line + 1, lambda: found)
    from mxdev.sections.yaml_document import Document

    return _read_yaml(Document(path, text), parse(address))


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
    """Inserts a section in its place, or replaces it. What is there already stays as it is, byte for byte.

    Args:
        path: the file's name; its suffix decides between YAML and marked lines.
        data: the file, None if there is none.
        address: the section.
        fragment: its text as `render` or `Fragment.text` gives it, key or dash included, or its value as plain data. A `str` is always
            a text (a value that is text goes through `render`), so that no value can be mistaken for YAML.
        order: addresses (of any depth) in the wanted order. A new section goes after its last predecessor that is there, else before its
            first successor, else to the end of its container.
        traces: the traces recorded for the sections that are in this file (its own included when it was put before). The
            new trace takes over from them, so that whoever leaves last takes back what the first one brought.
        comment: see `render`; only with a value.

    Returns:
        The new file, and the trace to record for this section.

    Raises:
        MxError: nothing can be put there without touching something else; the message shows the text to paste.
    """
    text = "" if data is None else _decoded(path, data)
    if is_yaml(path):
        new, trace = _put_yaml(path, text, address, fragment, order, traces, comment)
    else:
        from mxdev.sections import text as text_sections

        new, trace = text_sections.put(path, text, address, _text(fragment, address), order, traces)
    if data is None:
        trace["file"] = True
    return Edit(new.encode(), trace)


def take(path: str, data: bytes, address: str, trace: Trace) -> bytes | None:
    """Takes back a section and exactly what putting it changed: containers, line break, file. A missing section is no error.

    Args:
        path: the file's name; its suffix decides between YAML and marked lines.
        data: the file.
        address: the section.
        trace: what `put` gave for it.

    Returns:
        The new file; None when mx made the file and nothing is left in it.

    Raises:
        MxError: others alias the section, or it does not have its lines for itself.
    """
    text = _decoded(path, data)
    if is_yaml(path):
        from mxdev.sections import yaml_edit
        from mxdev.sections.yaml_document import Document

        new = yaml_edit.take(Document(path, text), parse(address), trace)
    else:
        from mxdev.sections import text as text_sections

        new = text_sections.take(path, text, address, trace)
    result = data if new is None else new.encode()
    return None if not result and trace.get("file") else result


def _render(steps: Steps, value: Any, comment: str | None, step: int) -> str:
    from mxdev.sections.yaml_write import render_entry, render_item

    last = steps[-1]
    if isinstance(last, Key):
        return render_entry(last.name, value, comment=comment, step=step)
    if not isinstance(value, dict) or str(value.get(last.key)) != last.value:
        raise MxError(f"The section {unparse(steps)} must be a mapping with {last.key}: {last.value}.")
    return render_item(value, comment=comment, step=step)


def _put_yaml(
    path: str,
    text: str,
    address: str,
    fragment: Any,
    order: Sequence[str],
    traces: Sequence[Trace],
    comment: str | None,
) -> tuple[str, Trace]:
    from mxdev.sections import yaml_edit
    from mxdev.sections.yaml_document import Document
    from mxdev.sections.yaml_edit import parsed_fragment
    from mxdev.sections.yaml_values import value_of

    steps = parse(address)
    document = Document(path, text)
    there = _read_yaml(document, steps)
    if isinstance(fragment, str):
        fragment = fragment.replace("\r\n", "\n")
        if there is not None and there.text == fragment:
            return text, yaml_edit.inherited(traces, steps)
        written, node = parsed_fragment(path, fragment, steps)
        comment = _comment(fragment)

        def load() -> Any:
            return value_of(written, node[1] if isinstance(node, tuple) else node)

        canonical = fragment == _try_render(steps, load, comment, 2)
    else:
        if comment is None and there is not None and _has_value(there, fragment):
            return text, yaml_edit.inherited(traces, steps)

        def load() -> Any:
            return value

        value, canonical = fragment, True
        fragment = _render(steps, value, comment, 2)
        if there is not None and there.text == fragment:
            return text, yaml_edit.inherited(traces, steps)

    def wider(step: int) -> str:
        return _render(steps, load(), comment, step) if canonical else fragment

    return yaml_edit.put(document, steps, fragment, wider, order, traces)


def _has_value(there: Fragment, value: Any) -> bool:
    from mxdev.sections.yaml_values import equal

    try:
        return equal(there.value, value)
    except (MxError, RecursionError):
        return False


def _read_yaml(document: Document, steps: Steps) -> Fragment | None:
    from mxdev.sections import yaml_places
    from mxdev.sections.yaml_values import value_of

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
