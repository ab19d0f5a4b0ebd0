"""YAML, TOML and JSON mappings cut into the texts of their keys, so that a merge can take each text from one side or the other.

Nothing is ever written anew: `KeyTexts.render` of an unchanged tree is the file, byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mxdev.errors import MxError


class NoKeysError(Exception):
    """The file is not a mapping whose keys stand on lines of their own."""


@dataclass
class KeyText:
    """The text of one key.

    Attributes:
        key: what makes it the same key on all sides.
        lead: the comments and blank lines above it (JSON: the space before it).
        text: all of it, inner keys included.
        head: if its value is a mapping, the text in front of that.
        inner: that mapping.
        foot: the text behind it.
    """

    key: Any
    lead: str
    text: str
    head: str = ""
    inner: KeyTexts | None = None
    foot: str = ""

    def render(self) -> str:
        """The text of the key with the inner keys as they are now."""
        return self.text if self.inner is None else self.head + self.inner.render() + self.foot


@dataclass
class KeyTexts:
    """The keys of one mapping in their order, and the text behind the last.

    Attributes:
        column: where the keys stand; the texts are moved to the left edge.
        joint: what stands between two keys.
    """

    entries: list[KeyText]
    tail: str
    column: int = 0
    joint: str = ""

    def render(self) -> str:
        """The text of the mapping."""
        text = self.joint.join(entry.lead + entry.render() for entry in self.entries) + self.tail
        return _moved(text, self.column)


def _moved(text: str, column: int) -> str:
    """Lines moved to the right, or (negative) to the left. A blank line stays.

    Raises:
        NoKeysError: a line cannot be moved to the left without losing something.
    """
    if column >= 0:
        return re.sub(r"^(?=[^\n])", " " * column, text, flags=re.MULTILINE) if column else text
    lines = text.split("\n")
    if any(line and not line.startswith(" " * -column) for line in lines):
        raise NoKeysError
    return "\n".join(line[-column:] for line in lines)


# -- YAML -----------------------------------------------------------------------------------------------------


def yaml_tree(text: str) -> KeyTexts:
    """The keys of a YAML file in block style with `\\n` line breaks and one at the end.

    Raises:
        NoKeysError: it is something else.
    """
    from mxdev.sections.yaml.document import document_of

    try:
        document = document_of("", text)
    except MxError as error:
        raise NoKeysError from error
    if document.bom or document.root is None:
        raise NoKeysError
    return _yaml_mapping(document, document.root, 0, len(document.lines))


def _yaml_mapping(document: Any, mapping: Any, first: int, end: int) -> KeyTexts:
    """The tree of a block mapping that has the lines from `first` up to `end`."""
    from mxdev.sections.yaml.places import region

    entries: list[KeyText] = []
    column, at = None, first
    if mapping.kind != "mapping" or mapping.flow:
        raise NoKeysError
    for number, (key, value) in enumerate(mapping.entries):
        there = region(document, mapping, number)
        if there is None or key.kind != "scalar" or (column is not None and there.column != column):
            raise NoKeysError
        column = there.column
        lead = "".join(document.lines[at : there.first])
        body = document.lines[there.first : there.last + 1]
        entry = KeyText(
            (key.value, key.plain and key.value == "<<"),
            _moved(lead, -column),
            _moved("".join(body), -column),
        )
        if value.kind == "mapping" and not value.flow and not value.anchor and not value.tag:
            try:
                inner = _yaml_mapping(document, value, there.first + 1, there.last + 1)
                inner.column -= column
                entry.head, entry.inner = _moved(body[0], -column), inner
            except NoKeysError:
                pass  # an atom then
        entries.append(entry)
        at = there.last + 1
    assert column is not None
    tail = "".join(document.lines[at:end])
    return KeyTexts(entries, _moved(tail, -column), column)


# -- TOML -----------------------------------------------------------------------------------------------------

_HEADER = re.compile(r"[ \t]*(\[\[?)")


def toml_tree(text: str) -> KeyTexts:
    """The tables and keys of a TOML file with `\\n` line breaks and one at the end. Arrays of tables are atoms.

    Raises:
        NoKeysError: it is not TOML.
    """
    root = KeyTexts([], "")
    tree, lead = root, ""
    lines = re.findall(r"[^\n]*\n", text)
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip() or line.lstrip().startswith("#"):
            lead += line
            at += 1
            continue
        end = at + 1
        header = _HEADER.match(line)
        while (path := _toml_path("".join(lines[at:end]), header is not None)) is None:
            end += 1
            if header or end > len(lines):
                raise NoKeysError
        entry = KeyText(path, lead, "".join(lines[at:end]))
        array = root.entries[-1].key if root.entries and root.entries[-1].key[0] == "[[" else None
        if header is not None and array is not None and path[1][: len(array[1])] == array[1]:
            root.entries[-1].text += lead + entry.text  # one more table of the array, or a table in it
            tree = KeyTexts([], "")
        elif header is None and array is not None:
            root.entries[-1].text += lead + entry.text
        else:
            if header is not None:
                entry.key, entry.head = (header[1], path[1]), entry.text
                tree = root
            tree.entries.append(entry)
            if header is not None and header[1] == "[":
                tree = entry.inner = KeyTexts([], "")
        lead = ""
        at = end
    for entry in root.entries:
        if entry.inner is not None:
            entry.text = entry.render()
    root.tail = lead
    return root


def _toml_path(text: str, header: bool) -> tuple[str, tuple[str, ...]] | None:
    """The keys that lines of TOML are about; None while they are not complete."""
    import tomllib

    try:
        value: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    path: list[str] = []
    dotted = len(re.split(r"=", text, maxsplit=1)[0]) if not header else 0
    while isinstance(value, dict | list) and len(value) == 1:
        if isinstance(value, list):
            value = value[0]
            continue
        if not header and path and "." not in text[:dotted]:
            break  # `a = {b = 1}` is about a
        (name, value), *_ = value.items()
        path.append(name)
    return ("=", tuple(path[:1]) if not header and "." not in text[:dotted] else tuple(path))


# -- JSON -----------------------------------------------------------------------------------------------------

_SPACE = re.compile(r"[ \t\n\r]*")


def json_tree(text: str) -> KeyTexts:
    """The keys of a JSON object; the text around it belongs to it.

    Raises:
        NoKeysError: it is not JSON object, or has space in front of a comma.
    """
    start = _space(text, 0)
    end, tree = _json_object(text, start)
    if _space(text, end) != len(text):
        raise NoKeysError
    whole = KeyText("", text[:start], text[start:end], "{", tree, "}")
    return KeyTexts([whole], text[end:])


def _json_object(text: str, start: int) -> tuple[int, KeyTexts]:
    """The object that begins at `start`, and where it ends."""
    decoder = json.JSONDecoder()
    if text[start : start + 1] != "{":
        raise NoKeysError
    tree = KeyTexts([], "", joint=",")
    at = start + 1
    while True:
        first = _space(text, at)
        if text[first : first + 1] == "}" and not tree.entries:
            tree.tail = text[at:first]
            return first + 1, tree
        try:
            key, colon = decoder.raw_decode(text, first)
            colon = _space(text, colon)
            value = _space(text, colon + 1)
            parsed, end = decoder.raw_decode(text, value)
        except ValueError as error:
            raise NoKeysError from error
        if text[colon] != ":" or not isinstance(key, str):
            raise NoKeysError
        entry = KeyText(key, text[at:first], text[first:end])
        if isinstance(parsed, dict):
            entry.head, entry.foot = text[first : value + 1], "}"
            _, entry.inner = _json_object(text, value)
        tree.entries.append(entry)
        closing = _space(text, end)
        if text[closing : closing + 1] == "}":
            tree.tail = text[end:closing]
            return closing + 1, tree
        if text[end : end + 1] != ",":
            raise NoKeysError
        at = end + 1


def _space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


# -- values ---------------------------------------------------------------------------------------------------


def _load_yaml(text: str) -> Any:
    from mxdev.sections.yaml.document import document_of
    from mxdev.sections.yaml.values import value_of

    document = document_of("", text)
    return value_of(document, document.root)


def _load_toml(text: str) -> Any:
    import tomllib

    return tomllib.loads(text)


def _load_json(text: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a key is there twice")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=once)


READERS: dict[str, tuple[Callable[[str], KeyTexts], Callable[[str], Any]]] = {
    ".yaml": (yaml_tree, _load_yaml),
    ".yml": (yaml_tree, _load_yaml),
    ".toml": (toml_tree, _load_toml),
    ".json": (json_tree, _load_json),
}
"""By suffix: how a text is cut, and how its value is read (ValueError or MxError: it is not what it should be)."""
