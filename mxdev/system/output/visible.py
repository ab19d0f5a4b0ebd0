"""Text as a terminal may have it: what would move the cursor, run a sequence or turn the reading order is shown, not done."""

from __future__ import annotations

import re

# Controls but for the line break and the tab, DEL, C1; what turns or hides text (bidirectional marks, line separators,
# invisible operators, tags); lone surrogates, which stand for bytes that are no text.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ufdd0-\ufdef\ud800-\udfff\U000e0000-\U000e0fff]"
)

_HARMLESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+@/=-]*")


def harmless(name: str) -> bool:
    """Whether a name may be offered to a shell, which puts it into the line that the next Return runs: it means nothing to it."""
    return _HARMLESS.fullmatch(name) is not None


def _escape(match: re.Match[str]) -> str:
    number = ord(match[0])
    if number == 0x0D:
        return "\\r"
    if number < 0x20:
        return f"\\x{number:02x}"
    if number < 0x10000:
        return f"\\u{number:04x}"
    number -= 0x10000  # as JSON has it, so that JSON stays JSON
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"


def visible(text: str) -> str:
    """`text` with every character that a terminal would not show as itself as its escape; line breaks and tabs stay.

    In JSON that is printed the escapes mean the same characters.
    """
    return text if text.isascii() and text.isprintable() else _UNSEEN.sub(_escape, text)


def one_line(text: str) -> str:
    """As `visible`, of a name: line breaks and tabs are escaped too."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")
