"""The filters of the target languages: the only way from free text to text.

Those of data and programming languages give a complete literal with its quotes, on one line (in a shell's word
alone a line break stays one); those of markup give escaped inline text on one line. All of them take strings,
numbers, booleans, None where the language has it, and (where the language has lists) lists of these.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from mxdev.generator.freetext import reveal

# Line ends of YAML, HCL, JavaScript and terminals; lone surrogates cannot be written as UTF-8.
_BREAKS = re.compile("[\r\n\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029]+")
# What turns the direction of writing would show a reader another line than tools read (CVE-2021-42574).
_TURNING = "\u202a-\u202e\u2066-\u2069"
_CONTROLS = re.compile(f"[\x00-\x08\x0e-\x1f\x7f-\x9f{_TURNING}\ufeff\ud800-\udfff\ufffe\uffff]")
_INVISIBLE = re.compile(f"[\x7f-\x9f\u2028\u2029{_TURNING}\ufeff\ud800-\udfff\ufffe\uffff]")
_STRING_OR_EXPONENT = re.compile(r'("(?:[^"\\]|\\.)*")|(-?\b\d+(?:\.\d+)?)(e[+-]?\d+)')
# What a tool reads in a comment: the encoding of a Python file (PEP 263), the directives of a Dockerfile.
_CODING = re.compile(r"coding(?=[:=])")
_DIRECTIVE = re.compile(r"^([A-Za-z][A-Za-z0-9]*)(?=\s*=)")


def _one_line(value: Any) -> str:
    """The text on one line: breaks and tabs are blanks, control characters and those that turn its direction are gone, ends are trimmed."""
    text = _BREAKS.sub(" ", str(reveal(value))).replace("\t", " ")
    return _CONTROLS.sub("", text).strip()


def _quoted(text: str, escape: Callable[[re.Match[str]], str]) -> str:
    return _INVISIBLE.sub(escape, json.dumps(text, ensure_ascii=False))


def _u_escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def to_json(value: Any) -> str:
    """A JSON value on one line; strings in ASCII-safe escapes where a character does not show."""
    text = json.dumps(reveal(value), ensure_ascii=False, allow_nan=False)
    return _INVISIBLE.sub(_u_escape, _utf8(text))


def _with_point(match: re.Match[str]) -> str:
    if match[2] is None or "." in match[2]:
        return match[0]
    return f"{match[2]}.0{match[3]}"


def to_yaml(value: Any) -> str:
    """A YAML 1.1 and 1.2 value on one line: JSON is YAML, when what does not show is escaped."""
    # YAML 1.1 wants a point in a number with an exponent. Inside strings nothing may change.
    return _STRING_OR_EXPONENT.sub(_with_point, to_json(value))


def _literal(value: Any, string: Callable[[str], str], true: str, false: str, none: str | None) -> str:
    value = reveal(value)
    if isinstance(value, bool):
        return true if value else false
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a number that can be written")
        return repr(value)
    if isinstance(value, str):
        return string(value)
    if value is None and none is not None:
        return none
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_literal(item, string, true, false, none) for item in value) + "]"
    raise TypeError(f"a {type(value).__name__} has no literal in this language")


def to_toml(value: Any) -> str:
    """A TOML value: basic strings, whose escapes are those of JSON but for U+007F and above."""
    return _literal(value, lambda text: _quoted(_utf8(text), _u_escape), "true", "false", None)


def _utf8(text: str) -> str:
    # A lone surrogate is not a character: no file can hold one, and most languages have no escape for it.
    return text.encode("utf-8", "replace").decode("utf-8")


def _hcl_string(text: str) -> str:
    # Template marks are scanned before escapes are decoded, so an escaped `$` or `%` starts none.
    literal = _quoted(_utf8(text), _u_escape).replace("${", "\\u0024{").replace("%{", "\\u0025{")
    # HCL knows neither \\b nor \\f; an escaped backslash before either letter is left alone.
    return re.sub(r"\\(.)", lambda m: {"b": "\\u0008", "f": "\\u000c"}.get(m[1], m[0]), literal)


def to_hcl(value: Any) -> str:
    """An HCL (Terraform) value; `${` and `%{` are taken literally."""
    return _literal(value, _hcl_string, "true", "false", "null")


def _py_string(text: str) -> str:
    # Double quotes unless that needs more escapes: what ruff format would write.
    quote = "'" if text.count('"') > text.count("'") else '"'
    out = []
    for character in text:
        if character in (quote, "\\"):
            out.append("\\" + character)
        elif character.isprintable():
            out.append(character)
        else:
            out.append(character.encode("unicode_escape").decode("ascii"))
    return quote + "".join(out) + quote


def to_py(value: Any) -> str:
    """A Python literal, as `ruff format` would write it on one line."""
    return _literal(value, _py_string, "True", "False", "None")


def to_sh(value: Any) -> str:
    """One shell word in single quotes; a NUL, which no shell word can hold, is dropped. Line breaks stay."""
    text = _utf8(str(reveal(value))).replace("\x00", "")
    return "'" + text.replace("'", "'\"'\"'") + "'"


# What means something anywhere in a line, and what does only where a line begins.
_MD_ANYWHERE = re.compile(r"([\\`*_{}\[\]<&$|~])")
_MD_BEGINNING = re.compile(r"^([-+=#>:%!@\"']|\d+(?=[.)]))")
_MD_END = re.compile(r"(#+)$")  # would close a heading


def to_md(value: Any) -> str:
    """Inline Markdown (CommonMark, MyST): every mark that could mean something where it stands is escaped."""
    text = _MD_END.sub(r"\\\1", _MD_ANYWHERE.sub(r"\\\1", _one_line(value)))
    return _MD_BEGINNING.sub(
        lambda match: f"\\{match[1]}" if not match[1].isdigit() else f"{match[1]}\\", text
    )


def to_rst(value: Any) -> str:
    """Inline reStructuredText: all markup characters are escaped."""
    text = re.sub(r"([\\`*_|:<>\[\]{}\-+=.#~^\"'!&()/@%$;,?])", r"\\\1", _one_line(value))
    # An escaped blank is nothing, but a line that begins with it is not a bullet (of any script) and no transition.
    return text if not text or text[0].isalnum() else "\\ " + text


def to_html(value: Any) -> str:
    """HTML text, safe in an attribute too."""
    from html import escape

    return escape(_one_line(value), quote=True)


def to_dockerfile(value: Any) -> str:
    """A double-quoted value for LABEL or ENV; variables are not substituted.

    A backslash before a quote, or at the end, is followed by a blank: BuildKit needs none, but hadolint cannot read it.
    """
    text = re.sub(r'\\(?="|$)', r"\\ ", _one_line(value))
    text = re.sub(r"([\\\"$])", r"\\\1", text)
    return f'"{text}"'


def to_comment(value: Any) -> str:
    """One line that is safe behind a comment mark: it ends no comment (`*/`, `-->`) and directs no tool."""
    text = _one_line(value).replace("*/", "* /").replace("-->", "-- >").replace("--!>", "--! >")
    text = _DIRECTIVE.sub(r"'\1'", _CODING.sub("coding ", text))
    return text.rstrip("\\ ")


FILTERS: Mapping[str, Callable[[Any], str]] = {
    "yaml": to_yaml,
    "hcl": to_hcl,
    "toml": to_toml,
    "json": to_json,
    "py": to_py,
    "sh": to_sh,
    "md": to_md,
    "rst": to_rst,
    "html": to_html,
    "dockerfile": to_dockerfile,
    "comment": to_comment,
}
