"""How large the result of one operation in a template may be: a template is anybody's, and memory is the machine's.

What an operation gets is measured first, as the text that it would be: a list that stands a million times in another one takes no
memory until it is written. Then come the operations whose result may be larger by far than that: padding, repeating, replacing, joining,
formatting. Loops are not looked at: whoever watches one can end it.
"""

from __future__ import annotations

import re
import string
from collections.abc import ItemsView, KeysView, Mapping, Sequence, ValuesView
from typing import Any

LARGEST = 10_000_000
"""So many characters, digits or items one operation may make."""
_FINEST = 1000  # places behind the point, and columns of an indentation
_MARKS = 2  # what is written between two items, at least
_PERCENT = re.compile(r"%(?:\([^)]*\))?[#0\- +]*(\*|\d+)?(?:\.(\*|\d+))?")
_FIELDS = re.compile(r"\d+")
_Text = str | bytes


class TooLarge(Exception):
    """The result of an operation would be too large."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the result of {what} is too large")


def check(what: str, size: int) -> None:
    """Refuse a size.

    Raises:
        TooLarge: it is above `LARGEST`.
    """
    if size > LARGEST:
        raise TooLarge(what)


def of_value(value: Any) -> int:
    """About how many characters `value` is as text; what stands in it several times counts as often.

    Each object is looked at once, and none any more when it is too large in any case.
    """
    return _measured(value, {})[0]


def _measured(value: Any, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """The size of a value, and how deep it is nested; `known` has those of the containers by their identity."""
    if isinstance(value, str | bytes) or value is None or isinstance(value, bool | float):
        return (len(value) if isinstance(value, str | bytes) else 5), 0
    if isinstance(value, int):
        return value.bit_length() // 3 + 1, 0
    if isinstance(value, ItemsView):
        held = list(value)  # an identity is one only as long as its object is there
        return _together(held, known)
    if isinstance(value, KeysView | ValuesView):
        return _together(value, known)
    if not isinstance(value, list | tuple | set | frozenset | Mapping):
        try:
            return len(value), 0
        except Exception:  # it has no length, or does not say it, as what is undefined in a template
            return 1, 0
    if id(value) not in known:
        parts = [*value.keys(), *value.values()] if isinstance(value, Mapping) else value
        known[id(value)] = _together(parts, known)
    return known[id(value)]


def _together(parts: Any, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    size, depth = _MARKS, 0
    for part in parts:
        inner, below = (len(part), 0) if isinstance(part, str) else _measured(part, known)
        size += inner + _MARKS
        depth = max(depth, below)
        if size > LARGEST:  # that is enough to know
            break
    return size, depth + 1


def of_operator(operator: str, left: Any, right: Any) -> int:
    """About how many characters, items or digits `left operator right` has."""
    if operator == "%":
        return _percent(left, right) if isinstance(left, _Text) else 0
    if operator == "+":
        return (
            len(left) + len(right)
            if isinstance(left, _Text | list | tuple) and hasattr(right, "__len__")
            else 0
        )
    if isinstance(left, int) and isinstance(right, int):
        if operator == "**":
            return left.bit_length() * max(right, 0)
        return left.bit_length() + right.bit_length()
    if operator == "*":
        for some, times in ((left, right), (right, left)):
            if isinstance(some, _Text | list | tuple) and isinstance(times, int):
                return len(some) * max(times, 0)
    return 0


def of_method(owner: Any, name: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> int:
    """About how many characters the method `name` of a text, or of a number, makes."""
    given = [*args, *keywords.values()]
    largest = max((item for item in given if isinstance(item, int)), default=0)
    if name == "to_bytes":
        return largest
    if not isinstance(owner, _Text):
        return 0
    if name in ("center", "ljust", "rjust", "zfill"):
        return largest
    if name == "expandtabs":
        return (owner.count("\t") if isinstance(owner, str) else owner.count(b"\t")) * max(largest, 8)
    if name == "replace":
        return _replaced(owner, *given[:2]) if len(given) >= 2 else 0
    if name == "join":
        return _joined(owner, given[0]) if given else 0
    if name == "translate":
        table = given[0] if given else {}
        new = table.values() if isinstance(table, Mapping) else table
        new = new if isinstance(new, list | tuple | ValuesView) else ()
        return len(owner) * max((len(item) for item in new if isinstance(item, str)), default=1)
    if name in ("format", "format_map") and isinstance(owner, str):
        return _formatted(owner, given)
    return 0


def of_filter(name: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> int:
    """About how many characters or items Jinja's filter `name` makes of its arguments, the first being what is filtered.

    None of them may be too large itself (`of_value`): some are made text of, to be measured.
    """
    value, *more = args or [None]
    more += keywords.values()
    numbers = [abs(item) for item in more if isinstance(item, int)]
    largest = max(numbers, default=0)
    longest = max((len(item) for item in more if isinstance(item, str)), default=0)
    match name:
        case "center" | "slice" | "batch":
            return largest
        case "indent":
            text = str(value)
            return len(text) + (text.count("\n") + 1) * max(largest, longest)
        case "round":
            return LARGEST + 1 if largest > _FINEST else 0
        case "tojson" | "pprint":
            size, depth = _measured(value, {})
            return LARGEST + 1 if largest > _FINEST else size * max(largest, longest, 1) * max(depth, 1)
        case "format":
            return _percent(str(value), keywords or tuple(args[1:]))
        case "replace":
            return _replaced(str(value), *map(str, more[:2])) if len(more) >= 2 else 0
        case "wordwrap":
            return len(str(value)) * max(longest, 1)
        case "join":
            between = keywords.get("d", args[1] if len(args) > 1 else "")
            return _joined(str(between), value)
    return 0


def _replaced(text: _Text, old: Any, new: Any) -> int:
    if isinstance(text, str) and isinstance(old, str) and isinstance(new, str):
        return len(text) + text.count(old) * len(new)
    if isinstance(text, bytes) and isinstance(old, bytes) and isinstance(new, bytes):
        return len(text) + text.count(old) * len(new)
    return 0


def _joined(between: _Text, items: Any) -> int:
    """What stands between the items; of a text those are its characters."""
    return len(between) * len(items) if hasattr(items, "__len__") else 0


def _percent(text: _Text, values: Any) -> int:
    """The widths that `text % values` asks for, and the longest value in each of its places."""
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    size, starred, places = len(text), False, 0
    for match in _PERCENT.finditer(text):
        places += 1
        for part in match.groups():
            starred |= part == "*"
            size += int(part) if part and part != "*" and len(part) < 20 else 0
            if part and len(part) >= 20:
                return LARGEST + 1
    if isinstance(values, Mapping):
        return size + places * _longest(values.values())
    given = values if isinstance(values, tuple) else (values,)
    if starred:
        size += sum(abs(item) for item in given if isinstance(item, int))
    return size + of_value(given)


def _formatted(text: str, given: Sequence[Any]) -> int:
    """The widths that `text.format(*given)` asks for, and the longest value in each of its fields."""
    size, nested, fields = len(text), False, 0
    try:
        for _, field, spec, _ in string.Formatter().parse(text):
            fields += field is not None
            nested |= "{" in (spec or "")
            for digits in _FIELDS.findall(spec or ""):
                size += int(digits) if len(digits) < 20 else LARGEST
    except ValueError:  # it is not a format, which is said when it is used
        return 0
    if nested:
        size += fields * sum(abs(item) for item in given if isinstance(item, int))
    return size + fields * _longest(given)


def _longest(values: Any) -> int:
    return max(map(of_value, values), default=0)
