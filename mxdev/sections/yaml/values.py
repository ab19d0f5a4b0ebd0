"""Plain data in YAML: that of a whole file that a person may have damaged, and that of a part of a document."""

from __future__ import annotations

import datetime
import math
from typing import Any

from mxdev.errors import MxError
from mxdev.sections.yaml.document import Document, Node
from mxdev.sections.yaml.loader import careful, loader


def equal(one: Any, other: Any) -> bool:
    """Whether two plain values are the same; unlike `==`, True is not 1, 1 is not 1.0, and NaN is NaN. A tuple is a list."""
    if isinstance(one, dict) and isinstance(other, dict):
        return len(one) == len(other) and all(
            key in other and equal(value, other[key]) for key, value in one.items()
        )
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, str) and isinstance(other, str):
        return str(one) == str(other)
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


LARGEST = 1 << 20
"""Of a file that a person writes, mx reads so many bytes."""
_LONGEST_NUMBER = (
    4000  # digits; Python writes no number of more than 4300, though it reads one that is not decimal
)
_TOO_LONG = 10**_LONGEST_NUMBER
_MOST_VALUES = 1_000_000
"""So many values a file may stand for; aliases multiply what is written."""


def refuse_large(data: bytes, where: str, *, hint: str | None = None, largest: int = LARGEST) -> None:
    """Nothing, or an error.

    Args:
        data: the file.
        where: its name, for errors.
        hint: what to do then; default: make it smaller.
        largest: how many bytes it may have.

    Raises:
        MxError: the file has more.
    """
    if len(data) > largest:
        raise MxError(
            f"{where} is too large ({len(data) / (1 << 20):.1f} MB; mx reads {largest >> 20} MB).",
            hint=hint or "Take out what does not belong there, then run the command again.",
        )


def load(
    data: bytes, where: str, *, hint: str | None = None, largest: int = LARGEST, texts: bool = True
) -> Any:
    """The plain data in a YAML file: None, flags, numbers, text, lists and mappings.

    Args:
        data: the file.
        where: its name, for errors.
        hint: what to do when it cannot be read; default: repair it.
        largest: how many bytes it may have.
        texts: a date and any key is given as text.

    Raises:
        MxError: it is too large or no YAML, is nested too deeply, stands for too much or for itself by aliases, or holds something else
            than plain data; with the line.
    """
    import yaml

    given, hint = hint, hint or "Repair the file, then run the command again."
    refuse_large(data, where, hint=hint, largest=largest)
    try:
        text = data.decode("utf-8-sig")
        loaded = yaml.load(text, Loader=loader())  # noqa: S506 (a safe loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if "quoted scalar" in (
            error.context or ""
        ):  # the quote that is never closed, not the end of the file
            mark = error.context_mark or mark
        place, line = where, ""
        if mark is not None:
            place, line = f"{where}:{mark.line + 1}:{mark.column + 1}", f" (line {mark.line + 1})"
        problem = ": ".join(filter(None, [error.context, error.problem]))
        raise MxError(
            f"{place} cannot be read: {problem}{line}.", hint=given or _how_to_mend(problem)
        ) from error
    except (ValueError, RecursionError, TypeError, yaml.YAMLError) as error:  # no UTF-8, a date in month 13
        raise MxError(f"{where} cannot be read: {error}.", hint=hint) from error
    try:
        plain, _ = _plain(loaded, {}, ())
        return plain if texts else loaded
    except (_OddError, RecursionError) as error:
        what = str(error) if isinstance(error, _OddError) else "it is nested too deeply"
        number = _line_of_odd(text) if isinstance(error, _OddError) else None
        line = f" (line {number})" if number else ""
        raise MxError(f"{where} cannot be read: {what}{line}.", hint=hint) from error


_MENDING = (
    ("mapping values are not allowed", 'Put quotes around a value that has a colon in it: `key: "one: two"`.'),
    ("cannot start any token", "Indent with spaces, not tabs, and put quotes around a value that begins with @, ` or %."),
    ("tab character", "Indent with spaces, not tabs."),
    ("quoted scalar", "Close the quote, here or on a line above."),
    ("flow sequence", "Close the bracket `]`, here or on a line above."),
    ("flow mapping", "Close the brace `}`, here or on a line above."),
    ("block mapping", "Write `key: value`, and begin all keys of one mapping in the same column, here and on the line above."),
    ("simple key", "Write `key: value`, with a colon and a space, here or on the line above."),
    ("undefined alias", "Put quotes around a value that begins with *."),
)  # fmt: skip


def _how_to_mend(problem: str) -> str:
    """What most often is wrong where YAML's reader says this."""
    return next(
        (f"{how} Then run the command again." for what, how in _MENDING if what in problem),
        "Repair the file, then run the command again.",
    )


class _OddError(Exception):
    """Something in a file is not plain data."""


def _plain(value: Any, done: dict[int, tuple[Any, int]], above: tuple[int, ...]) -> tuple[Any, int]:
    """A value with dates and keys as text, and for how many values it stands; what aliases share is looked at once."""
    if isinstance(value, int) and abs(value) >= _TOO_LONG:
        raise _OddError(f"a number has more than {_LONGEST_NUMBER} digits")
    if value is None or isinstance(value, bool | int | float | str):
        return value, 1
    if isinstance(value, datetime.date):
        return value.isoformat(), 1
    if not isinstance(value, dict | list):
        kind = {"bytes": "binary data", "set": "a set", "tuple": "a pair"}.get(
            type(value).__name__, "a value"
        )
        raise _OddError(
            f"{kind} with a tag of YAML is not an option's value; write text, numbers, lists and mappings"
        )
    if id(value) in above:
        raise _OddError("an alias stands for what it is in itself")
    if id(value) in done:
        return done[id(value)]
    above = (*above, id(value))
    number = 1
    made: Any = {} if isinstance(value, dict) else []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        plain, count = _plain(inner, done, above)
        number += count
        if number > _MOST_VALUES:
            raise _OddError("its aliases stand for more than a million values")
        if isinstance(made, list):
            made.append(plain)
        elif isinstance(key, int) and abs(key) >= _TOO_LONG:
            raise _OddError(f"a number has more than {_LONGEST_NUMBER} digits")
        elif isinstance(key, str | int | float | datetime.date) or key is None:
            made[_key_text(key)] = plain
        else:
            raise _OddError("a key must be text")
    done[id(value)] = made, number
    return made, number


def _key_text(key: Any) -> str:
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    return key.isoformat() if isinstance(key, datetime.date) else str(key)


def _line_of_odd(text: str) -> int | None:
    """The line of the first value with a tag that plain data does not have; None if that is not what is wrong."""
    import yaml

    usual = {
        f"tag:yaml.org,2002:{n}"
        for n in ("null", "bool", "int", "float", "str", "map", "seq", "timestamp", "merge")
    }
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        tag = getattr(event, "tag", None)
        if tag and tag not in usual and tag != "!":
            return event.start_mark.line + 1 if event.start_mark else None
    return None


def value_of(document: Document, node: Node | None) -> Any:
    """The data of one node; the rest of the document may hold what cannot be loaded.

    Raises:
        MxError: a tag that plain YAML does not know, an alias that points out of a fragment, a value nested too deeply.
    """
    import yaml

    if node is None:
        return None
    constructor: Any = careful(yaml.constructor.SafeConstructor)()
    where = f"{document.path}:{document.line_of(node.start) + 1}"
    try:
        return constructor.construct_document(_node(document, node, {}, yaml.resolver.Resolver(), yaml))
    except yaml.MarkedYAMLError as error:
        raise MxError(f"{where}: this value cannot be read: {error.problem}.") from error
    except (RecursionError, ValueError) as error:
        raise MxError(f"{where}: this value cannot be read: {error}.") from error


def _node(document: Document, node: Node, done: dict[int, Any], resolver: Any, yaml: Any) -> Any:
    """The node as PyYAML's constructor wants it; what several aliases share is made once."""
    if node.kind == "alias":
        if node.target is None:
            raise MxError(f"{document.path}: the alias *{node.value} has no anchor here.")
        return _node(document, node.target, done, resolver, yaml)
    if id(node) in done:
        return done[id(node)]
    if node.kind == "scalar":
        tag = node.tag if node.tag not in (None, "!") else None
        tag = tag or resolver.resolve(yaml.ScalarNode, node.value, (node.plain, not node.plain))
        made = yaml.ScalarNode(tag, node.value)
    elif node.kind == "mapping":
        made = yaml.MappingNode(node.tag or "tag:yaml.org,2002:map", [])
        done[id(node)] = made
        made.value = [
            tuple(_node(document, part, done, resolver, yaml) for part in entry) for entry in node.entries
        ]
    else:
        made = yaml.SequenceNode(node.tag or "tag:yaml.org,2002:seq", [])
        done[id(node)] = made
        made.value = [_node(document, item, done, resolver, yaml) for item in node.items]
    done[id(node)] = made
    return made
