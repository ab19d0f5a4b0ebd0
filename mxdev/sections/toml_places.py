"""Where in a TOML file the items of a section go that belong into a list, such as `Audit in project.dependencies`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mxdev.errors import MxError

_IN = re.compile(r"\S.* in (?P<table>[\w-]+(?:\.[\w-]+)*)\.(?P<key>[\w-]+)")
_TABLE = re.compile(r"\s*\[\s*([\w.-]+)\s*\]\s*(?:#.*)?")
_OTHER_TABLE = re.compile(r"\s*\[")
_END = re.compile(r"\s*\]\s*(?:#.*)?")
_BOM = "\ufeff"


def list_of(path: str, name: str) -> tuple[str, str] | None:
    """The table and the key of the list that a section's name says; None: it stands for itself, as in files that are no TOML."""
    found = _IN.fullmatch(name) if path.endswith(".toml") else None
    return None if found is None else (found["table"], found["key"])


def end_of(path: str, lines: Sequence[str], table: str, key: str) -> int:
    """The line, from 0, before which new items of a list go: that of its `]`.

    Raises:
        MxError: there is no such list, or it does not have its lines for itself; what to do.
    """
    begin = re.compile(rf"\s*{re.escape(key)}\s*=\s*\[\s*(?:#.*)?")
    inside, first = False, -1
    for number, line in enumerate(lines):
        text = line.rstrip()
        if first >= 0 and _END.fullmatch(text):
            above = next((other for other in reversed(lines[first + 1 : number]) if _has_item(other)), ",")
            if not re.sub(r"\s+#[^\"']*$", "", above.rstrip()).endswith(","):
                raise MxError(
                    f"{path}:{number}: the last item of {table}.{key} has no comma behind it.",
                    hint="Write one, then run the command again. Nothing was changed.",
                )
            return number
        if first < 0 and (found := _TABLE.fullmatch(text)):
            inside = found[1] == table
        elif first < 0 and _OTHER_TABLE.match(text):
            inside = False
        elif inside and first < 0 and begin.fullmatch(text):
            first = number
    raise MxError(
        f"{path} has no list {table}.{key} that stands over several lines, `{key} = [` and `]` each on one of their own.",
        hint="Write it so, then run the command again. Nothing was changed.",
    )


def place_of_new(lines: Sequence[str], table: str, key: str) -> int | None:
    """The line, from 0, before which a list goes that its table does not have yet: behind the last one that is no comment.

    None: the table has something of that name already, or there is no such table.
    """
    inside, at = False, None
    for number, line in enumerate(lines):
        text = line.rstrip()
        if text.startswith("["):
            found = _TABLE.fullmatch(text)
            inside = found is not None and found[1] == table
        if inside and _has_item(text):
            at = number + 1
    if at is None:
        return None
    with_it = [*lines[:at], "\n", *empty_list(key, "\n"), *lines[at:]]
    before, after = _parsed(lines), _parsed(with_it)
    if before is None or after is None:
        return None
    for part in table.split("."):
        after = after.get(part, {})
        before = before.get(part, {})
    # In a string over several lines, what looks like a table is none.
    return at if after == {**before, key: []} and key not in before else None


def inside_another(
    path: str, around: Sequence[str], below: Sequence[str] | None, head: str, snippet: Sequence[str]
) -> MxError:
    """The error for a list whose place is between the marker lines of another section.

    Args:
        path: the file.
        around: the lines of that section, with its marker lines.
        below: those of them behind the place of a list that is not there yet; None: the list is there, inside.
        head: the line with which the list, or its table, begins.
        snippet: the lines to put.
    """
    first, last = around[0].strip(), around[-1].strip()
    text = "".join(line.rstrip("\r\n") + "\n" for line in snippet)
    if below is not None and not any(_OTHER_TABLE.match(line) for line in below):
        hint = f"Paste this below `{last}`, then run the command again:\n\n{text}"
    else:
        hint = (
            f"Move the line `{last}` up, above `{head}`; what is below it is yours then. Run the command again, which puts "
            f"this there, or paste it at the end of what `{head}` begins:\n\n{text}"
        )
    return MxError(
        f"{path}: the place for this is between `{first}` and `{last}`, and no section stands inside another. Nothing was changed.",
        hint=hint,
    )


def empty_list(key: str, newline: str) -> list[str]:
    """The lines of a list that has no items yet."""
    return [f"{key} = [{newline}", f"]{newline}"]


def _parsed(lines: Sequence[str]) -> Any:
    import tomllib

    try:
        return tomllib.loads("".join(lines).removeprefix(_BOM))
    except tomllib.TOMLDecodeError:
        return None


def _has_item(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
