"""How large the result of one operation in a template may be: a template is anybody's, and memory is the machine's.

Looked at are the operations whose result may be larger by far than what they get: padding, repeating, replacing, joining, formatting.
Loops are not: whoever watches one can end it.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

LARGEST = 10_000_000
"""So many characters, digits or items one operation may make."""
_FINEST = 1000  # places behind the point, and columns of an indentation
_PERCENT = re.compile(r"%(?:\([^)]*\))?[#0\- +]*(\*|\d+)?(?:\.(\*|\d+))?")
_FIELDS = re.compile(r"\d+")


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


def of_operator(operator: str, left: Any, right: Any) -> int:
    """About how many characters, items or digits `left operator right` has."""
    if operator == "%":
        return _percent(left, right) if isinstance(left, str) else 0
    if operator == "+":
        return (
            len(left) + len(right)
            if isinstance(left, str | list | tuple) and hasattr(right, "__len__")
            else 0
        )
    if isinstance(left, int) and isinstance(right, int):
        if operator == "**":
            return left.bit_length() * max(right, 0)
        return left.bit_length() + right.bit_length()
    if operator == "*":
        for some, times in ((left, right), (right, left)):
            if isinstance(some, str | list | tuple) and isinstance(times, int):
                return len(some) * max(times, 0)
    return 0


def of_method(text: str, name: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> int:
    """About how many characters the method `name` of a string makes."""
    given = [*args, *keywords.values()]
    if name in ("center", "ljust", "rjust", "zfill"):
        return max((item for item in given if isinstance(item, int)), default=0)
    if name == "expandtabs":
        return text.count("\t") * max((item for item in given if isinstance(item, int)), default=8)
    if name == "replace":
        return _replaced(text, *given[:2]) if len(given) >= 2 else 0
    if name == "join":
        return _joined(text, given[0]) if given else 0
    if name == "translate":
        table = given[0] if given and isinstance(given[0], Mapping) else {}
        return len(text) * max((len(item) for item in table.values() if isinstance(item, str)), default=1)
    if name in ("format", "format_map"):
        return _formatted(text, given)
    return 0


def of_filter(name: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> int:
    """About how many characters or items Jinja's filter `name` makes of its arguments, the first being what is filtered."""
    value, *more = args or [None]
    more += keywords.values()
    numbers = [abs(item) for item in more if isinstance(item, int)]
    largest = max(numbers, default=0)
    text = value if isinstance(value, str) else ""
    longest = max((len(item) for item in more if isinstance(item, str)), default=0)
    match name:
        case "center" | "slice" | "batch":
            return largest
        case "indent":
            return len(text) + (text.count("\n") + 1) * max(largest, longest)
        case "round" | "tojson":
            return LARGEST + 1 if largest > _FINEST else 0
        case "format":
            return _percent(text, tuple(more))
        case "replace":
            return _replaced(text, *more[:2]) if len(more) >= 2 else 0
        case "wordwrap":
            return len(text) * max(longest, 1)
        case "join":
            return _joined(more[0] if more and isinstance(more[0], str) else "", value)
    return 0


def _replaced(text: str, old: Any, new: Any) -> int:
    if not isinstance(old, str) or not isinstance(new, str):
        return 0
    return len(text) + text.count(old) * len(new)


def _joined(between: str, items: Any) -> int:
    if not isinstance(items, list | tuple):
        return 0
    return len(between) * len(items) + sum(
        len(item) for item in items if isinstance(item, str | list | tuple)
    )


def _percent(text: str, values: Any) -> int:
    """The widths that `text % values` asks for, and the longest text that it takes in."""
    size, starred = len(text), False
    for match in _PERCENT.finditer(text):
        for part in match.groups():
            starred |= part == "*"
            size += int(part) if part and part != "*" and len(part) < 20 else 0
            if part and len(part) >= 20:
                return LARGEST + 1
    given = values if isinstance(values, tuple) else (values,)
    if starred:
        size += sum(abs(item) for item in given if isinstance(item, int))
    return size


def _formatted(text: str, given: Sequence[Any]) -> int:
    """The widths that `text.format(*given)` asks for."""
    size, nested = len(text), False
    try:
        for _, _, spec, _ in string.Formatter().parse(text):
            nested |= "{" in (spec or "")
            for digits in _FIELDS.findall(spec or ""):
                size += int(digits) if len(digits) < 20 else LARGEST
    except ValueError:  # it is not a format, which is said when it is used
        return 0
    if nested:
        size += sum(abs(item) for item in given if isinstance(item, int))
    return size
