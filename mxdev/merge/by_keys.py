"""Merges of YAML, TOML and JSON mappings by their keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from mxdev.errors import MxError

if TYPE_CHECKING:
    from mxdev.merge.by_lines import Merge
    from mxdev.merge.key_texts import KeyText, KeyTexts

_BOM = b"\xef\xbb\xbf"
# Reads the text of a file of the kind that is merged.
Load = Callable[[str], Any]
LARGEST = 1 << 19
"""So many bytes are merged by keys; what more would take shows that limit as the reason, and a person decides."""


class _ConflictError(Exception):
    """Both sides changed the same text."""


def merge(path: str, base: bytes, ours: bytes, theirs: bytes) -> Merge | None:
    """Merges by structure, or by lines where that is as right; None if the file is not a mapping that can be read on all sides.

    Args:
        path: the file's name; its suffix decides.
        base: what the generator rendered last.
        ours: the file on disk.
        theirs: what the generator renders now.
    """
    from mxdev.merge.by_lines import Merge, merge_lines
    from mxdev.merge.key_texts import READERS
    from mxdev.merge.values import merge_values

    cut, load = READERS.get(PurePosixPath(path).suffix, (None, None))
    if cut is None or load is None:
        return None
    size = max(map(len, (base, ours, theirs)))
    if size > LARGEST:
        limit = f"it is too large to be merged by its keys ({size / (1 << 20):.1f} MB; up to {LARGEST / (1 << 20):.1f} MB are)"
        return Merge(ours, False, reason=limit)
    try:
        sides = [_text(side) for side in (base, ours, theirs)]
        values = [load(text) for text in sides]
        merged, conflicts = merge_values(*values)
    except (MxError, ValueError, RecursionError):
        return None
    if not all(isinstance(value, dict) for value in values):
        return None

    def reads_as_merged(data: bytes) -> bool:
        try:
            return _equal_but(load(_text(data)), merged, conflicts)
        except (MxError, ValueError, RecursionError):
            return False

    if not conflicts and (data := _by_keys(cut, load, sides, ours)) is not None and reads_as_merged(data):
        return Merge(data, True)
    by_lines = merge_lines(base, ours, theirs)
    if by_lines.clean and not reads_as_merged(by_lines.data):
        return merge_lines(None, ours, theirs)  # lines fit together that do not belong together
    return by_lines


def _text(side: bytes) -> str:
    return side.removeprefix(_BOM).decode("utf-8")


def _by_keys(cut: Any, load: Load, sides: list[str], ours: bytes) -> bytes | None:
    """Our file with the keys that they changed; None if the texts of a key cannot be told apart or are in conflict."""
    from mxdev.merge.key_texts import NoKeysError

    windows, unix = ours.count(b"\r\n"), ours.count(b"\n")
    if windows not in (0, unix):
        return None  # mixed line breaks: lines keep each its own
    texts = [text.replace("\r\n", "\n") for text in sides]
    try:
        trees = [cut(text if text.endswith("\n") else text + "\n") for text in texts]
        text = _merge_trees(load, *trees).render()
    except (NoKeysError, _ConflictError, RecursionError):
        return None
    if not texts[1].endswith("\n"):
        text = text.removesuffix("\n")
    if windows:
        text = text.replace("\n", "\r\n")
    return (_BOM if ours.startswith(_BOM) else b"") + text.encode()


def _merge_trees(load: Load, base: KeyTexts | None, ours: KeyTexts, theirs: KeyTexts) -> KeyTexts:
    from mxdev.merge.key_texts import KeyTexts
    from mxdev.merge.values import merged_order

    def by_key(tree: KeyTexts | None) -> dict[Any, KeyText]:
        entries = {entry.key: entry for entry in tree.entries} if tree else {}
        if tree and len(entries) < len(tree.entries):
            raise _ConflictError
        return entries

    was, mine, its = by_key(base), by_key(ours), by_key(theirs)
    keys = merged_order(list(mine), list(its))
    entries = [_merge_entry(load, was.get(key), mine.get(key), its.get(key)) for key in keys]
    tail = _merge_text(base.tail if base else "", ours.tail, theirs.tail)
    return KeyTexts(
        [entry for entry in entries if entry is not None], tail, ours.column, ours.joint or theirs.joint
    )


def _merge_entry(
    load: Load, base: KeyText | None, ours: KeyText | None, theirs: KeyText | None
) -> KeyText | None:
    from mxdev.merge.key_texts import KeyText

    if ours is None or theirs is None:
        left = ours or theirs
        if base is None or left is None:
            return left
        if (left.lead, left.text) != (base.lead, base.text):
            raise _ConflictError  # one side removed it, the other changed it or the comments above it
        return None
    lead = _merge_text(base.lead if base else None, ours.lead, theirs.lead)
    if base is not None and ours.text == base.text:
        return KeyText(ours.key, lead, theirs.text, theirs.head, theirs.inner, theirs.foot)
    if ours.text == theirs.text or (base is not None and theirs.text == base.text):
        return KeyText(ours.key, lead, ours.text, ours.head, ours.inner, ours.foot)
    if ours.inner is None or theirs.inner is None or (base is not None and base.inner is None):
        if not _says_the_same(load, ours.text, theirs.text):
            raise _ConflictError
        return KeyText(ours.key, lead, ours.text, ours.head, ours.inner, ours.foot)
    head = _merge_text(base.head if base else None, ours.head, theirs.head)
    foot = _merge_text(base.foot if base else None, ours.foot, theirs.foot)
    inner = _merge_trees(load, base.inner if base else None, ours.inner, theirs.inner)
    if not inner.entries:
        raise _ConflictError  # `{}` or nothing at all: not for a text to decide
    return KeyText(ours.key, lead, "", head, inner, foot)


def _says_the_same(load: Load, ours: str, theirs: str) -> bool:
    """Whether two texts of a key say the same, each in its own words: with a comment behind it, or other quotes."""
    from mxdev.sections.yaml.values import equal

    try:
        return equal(load(ours), load(theirs))
    except (MxError, ValueError, RecursionError):
        return False


def _merge_text(base: str | None, ours: str, theirs: str) -> str:
    """Comments and blank lines between keys."""
    from mxdev.merge.by_lines import merge_lines

    merged = merge_lines(None if base is None else base.encode(), ours.encode(), theirs.encode())
    if not merged.clean:
        raise _ConflictError
    return merged.data.decode()


def _equal_but(one: Any, other: Any, conflicts: list[str]) -> bool:
    """Whether two mappings are the same outside the paths in conflict."""
    from mxdev.sections.address import Key, parse
    from mxdev.sections.yaml.values import equal

    def without(value: Any, path: list[str]) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            key: without(inner, path[1:]) if str(key) == path[0] else inner
            for key, inner in value.items()
            if str(key) != path[0] or len(path) > 1
        }

    for address in conflicts:
        if not address:
            return True
        path = [step.name for step in parse(address) if isinstance(step, Key)]
        one, other = without(one, path), without(other, path)
    return equal(one, other)
