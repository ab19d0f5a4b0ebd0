"""Plain data as canonical block YAML.

Two spaces, indented lists, insertion order. A string is quoted whenever any reader might take it for something else: PyYAML (YAML 1.1),
go-yaml v2 and v3 (DevSpace, kubectl, Helm), or a YAML 1.2 reader. The text passes yamllint's default rules.
"""

from __future__ import annotations

import datetime
import math
import re
from typing import Any

from mxdev.errors import MxError
from mxdev.sections.yaml.loader import loader
from mxdev.sections.yaml.values import equal

_WORDS = {
    "y",
    "n",
    "yes",
    "no",
    "on",
    "off",
    "true",
    "false",
    "null",
    "none",
    "nil",
    "~",
    "=",
    "<<",
    "-",
    "?",
    ".",
    "..",
}
# Everything that is made like a number, a date or a time: 1e3, 0x1f, 0o17, 1_000, 12:30:45, 2001-01-01T00:00Z, .5, +.inf
_NUMBER_LIKE = re.compile(r"[-+._]*[0-9][0-9a-fA-FxXoOeEtTzZ_.:+ -]*|[-+]?\.(?:inf|nan)", re.IGNORECASE)
_PLAIN = re.compile(r"(?:[^\s\-?:,\[\]{}#&*!|>'\"%@`]|-(?=[^\s,\[\]{}]))(?:.*\S)?", re.ASCII)
# What may stand unescaped: YAML's printable characters without those that some reader takes for a line break, and the BOM.
_ESCAPED = r"[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_ESCAPED_ASCII = r"[\x00-\x08\x0b-\x1f\x7f]"
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_LONGEST_KEY = 1024
"""A YAML 1.1 simple key is at most this long."""


def render_entry(key: str, value: Any, *, comment: str | None = None, step: int = 2) -> str:
    """`key: value` as block YAML that ends with a line break.

    Args:
        key: the key, any text.
        value: None, bool, int, float, str, date, list or tuple, or dict of these.
        comment: a note; it stands between the key and its block, or behind a value that has only one line.
        step: by how many spaces a level is indented.

    Raises:
        MxError: a value that plain YAML cannot carry.
    """
    return "\n".join(_checked(lambda: _entry(key, value, 0, step, comment), {key: value})) + "\n"


def render_item(value: Any, *, comment: str | None = None, step: int = 2) -> str:
    """`- value` as block YAML that ends with a line break; arguments as those of `render_entry`."""
    return "\n".join(_checked(lambda: _item(value, 0, step, comment), [value])) + "\n"


def _checked(make: Any, meant: Any) -> list[str]:
    import yaml

    try:
        lines: list[str] = make()
        read = yaml.load("\n".join(lines) + "\n", Loader=loader())  # noqa: S506  (a safe loader)
        right = equal(read, meant)
    except RecursionError as error:
        raise MxError("A value for YAML is nested too deeply, or holds itself.") from error
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise MxError(f"A value cannot be written as YAML: {error}.") from error
    if not right:
        raise MxError("A value cannot be written as YAML: it would be read back as something else.")
    return lines


def _entry(key: Any, value: Any, column: int, step: int, comment: str | None = None) -> list[str]:
    head = " " * column + _key(key) + ":"
    if isinstance(value, dict | list | tuple) and value:
        return [head, *_comment_lines(comment, column + step), *_block(value, column + step, step)]
    first, *rest = _scalar(value, column, step)
    return [f"{head} {first}{_comment_behind(comment)}", *rest]


def _item(value: Any, column: int, step: int, comment: str | None = None) -> list[str]:
    dash = " " * column + "- "
    if isinstance(value, dict | list | tuple) and value:
        inner = _block(value, column + 2, step)
        notes = _comment_lines(comment, column + 2)
        if notes:  # behind the first line: an own line above would part the dash from its item
            return [dash.rstrip(), *notes, *inner]
        return [dash + inner[0][column + 2 :], *inner[1:]]
    first, *rest = _scalar(value, column, step)
    return [f"{dash}{first}{_comment_behind(comment)}", *rest]


def _block(value: Any, column: int, step: int) -> list[str]:
    if isinstance(value, dict):
        return [line for key, inner in value.items() for line in _entry(key, inner, column, step)]
    return [line for inner in value for line in _item(inner, column, step)]


def _comment_lines(comment: str | None, column: int) -> list[str]:
    lines = [] if comment is None else [line.strip() for line in comment.splitlines() if line.strip()]
    return [" " * column + "# " + re.sub(_escaped(line), "?", line) for line in lines]


def _comment_behind(comment: str | None) -> str:
    text = "" if comment is None else " ".join(comment.split())
    return f"  # {re.sub(_escaped(text), '?', text)}" if text else ""


def _escaped(text: str) -> str:
    """The pattern of the characters of `text` that may not stand unescaped.

    To compile the one of all characters takes longer than to write a small file; most texts never need it.
    """
    return _ESCAPED_ASCII if text.isascii() else _ESCAPED


def _key(key: Any) -> str:
    if key is not None and not isinstance(key, str | int | float):
        raise MxError(f"A key of YAML must be text or a number, not {type(key).__name__}.")
    text = _scalar(key, 0, 2, literal=False)[0]
    if len(text) > _LONGEST_KEY:
        raise MxError(
            f"A key of YAML may have {_LONGEST_KEY} characters, this one has {len(text)}: {text[:40]}…"
        )
    return text


def _scalar(value: Any, column: int, step: int, *, literal: bool = True) -> list[str]:
    """The lines of a scalar: the first stands behind its key or dash at `column`."""
    if value is None:
        return ["null"]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, int):
        return [str(int(value))]
    if isinstance(value, float):
        return [_float(value)]
    if isinstance(value, datetime.datetime):
        return [value.isoformat(sep=" ")]
    if isinstance(value, datetime.date):
        return [value.isoformat()]
    if isinstance(value, dict):
        return ["{}"]
    if isinstance(value, list | tuple):
        return ["[]"]
    if not isinstance(value, str):
        raise MxError(
            f"A value for YAML must be text, a number, true or false, a date, a list or a mapping, not {type(value).__name__}.",
        )
    text = str(value)
    if literal and _literal_carries(text):
        lines = text.removesuffix("\n").split("\n")
        first = next(line for line in lines if line)
        header = "|" + (str(step) if first[0] in " \t" else "") + ("" if text.endswith("\n") else "-")
        return [header, *(" " * (column + step) + line if line else "" for line in lines)]
    return [text if _is_plain(text) else _quoted(text)]


def _float(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    text = repr(float(value))
    mantissa, e, exponent = text.partition("e")
    return text if not e or "." in mantissa else f"{mantissa}.0e{exponent}"  # YAML 1.1 knows no 1e+16


def _is_plain(text: str) -> bool:
    return (
        _PLAIN.fullmatch(text) is not None
        and not re.search(_escaped(text), text)
        and not re.search(r"[\n\t]|: | #|:$|^---|^\.\.\.|\s$|^\s", text)
        and text.lower() not in _WORDS
        and _NUMBER_LIKE.fullmatch(text) is None
    )


def _literal_carries(text: str) -> bool:
    """Whether a `|` block gives back exactly this text, whatever follows it in the file, and yamllint accepts it."""
    return (
        "\n" in text.removesuffix("\n")
        and not text.endswith("\n\n")  # `|+` would depend on the lines that follow
        and not re.search(_escaped(text), text)
        and not re.search(r"[ \t\xa0]$", text, re.MULTILINE)
        and "\n\n\n\n" not in "x\n" + text  # more blank lines than yamllint allows
    )


def _quoted(text: str) -> str:
    def escape(match: re.Match[str]) -> str:
        character = match[0]
        if character in _SHORT:
            return _SHORT[character]
        code = ord(character)
        if 0xD800 <= code <= 0xDFFF:
            raise MxError("A text for YAML holds half a character (a lone surrogate).")
        return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"

    return '"' + re.sub(_escaped(text) + '|[\\\\"\\n\\t]', escape, text) + '"'
