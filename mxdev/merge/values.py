"""Three-way merge of plain values: mappings by their keys, everything else is an atom."""

from __future__ import annotations

from typing import Any

_ABSENT: Any = object()


def merge_values(base: Any, ours: Any, theirs: Any) -> tuple[Any, list[str]]:
    """Three-way merge of plain values: mappings by their keys, everything else is an atom.

    Args:
        base: what the generator rendered last; None where there was none.
        ours: the person's value.
        theirs: the generator's value now.

    Returns:
        The merged value (in a conflict ours), and the paths of the keys in conflict, as section addresses (empty: clean). The
        path of the value itself is "".
    """
    conflicts: list[tuple[str, ...]] = []
    merged = _merge_values(base, ours, theirs, (), conflicts)
    from mxdev.sections.address import Key, unparse

    return merged, [unparse([Key(name) for name in path]) for path in conflicts]


def _merge_values(
    base: Any, ours: Any, theirs: Any, path: tuple[str, ...], conflicts: list[tuple[str, ...]]
) -> Any:
    if _equal(ours, theirs) or _equal(theirs, base):
        return ours
    if _equal(ours, base):
        return theirs
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        conflicts.append(path)
        return ours
    was = base if isinstance(base, dict) else {}
    merged: dict[Any, Any] = {}
    for key in merged_order(list(ours), list(theirs)):
        value = _merge_values(
            was.get(key, _ABSENT),
            ours.get(key, _ABSENT),
            theirs.get(key, _ABSENT),
            (*path, str(key)),
            conflicts,
        )
        if value is not _ABSENT:
            merged[key] = value
    return merged


def merged_order(ours: list[Any], theirs: list[Any]) -> list[Any]:
    """Our keys in our order; each key of theirs that we lack behind the one it follows there."""
    known, before = set(ours), _ABSENT
    behind: dict[Any, list[Any]] = {}
    for key in theirs:  # those of theirs that follow the same key, in their order
        if key not in known:
            behind.setdefault(before, []).append(key)
        else:
            before = key
    order: list[Any] = list(behind.get(_ABSENT, []))
    for key in ours:
        order += [key, *behind.get(key, [])]
    return order


def _equal(one: Any, other: Any) -> bool:
    from mxdev.sections.yaml.values import equal

    return one is other or (one is not _ABSENT and other is not _ABSENT and equal(one, other))
