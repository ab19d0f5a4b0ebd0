"""Text in another encoding than UTF-8, which Git's `working-tree-encoding` makes of a file."""

from __future__ import annotations

import codecs

# The longer marks first, of which one begins as a shorter one does.
_MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
          (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
# Git's own names, which no codec has, and those whose byte order a codec takes from this machine.
_MARKED = {
    "utf-16": (codecs.BOM_UTF16_LE, "utf-16-le"),
    "utf-32": (codecs.BOM_UTF32_LE, "utf-32-le"),
    "utf-16le-bom": (codecs.BOM_UTF16_LE, "utf-16-le"),
    "utf-16be-bom": (codecs.BOM_UTF16_BE, "utf-16-be"),
}


def marked(data: bytes) -> str:
    """The encoding that a byte order mark tells, but for UTF-8's; "" for none."""
    return next((name for mark, name in _MARKS if data.startswith(mark)), "")


def decoded(data: bytes, name: str) -> bytes | None:
    """The same text in UTF-8; None where it is not text of that encoding, or nobody knows the encoding."""
    mark, codec = _MARKED.get(name.lower(), (b"", name)) if not marked(data) else (b"", marked(data))
    try:
        return data.removeprefix(mark).decode(codec).encode()
    except (LookupError, ValueError):
        return None


def encoded(text: bytes, name: str, like: bytes = b"") -> bytes | None:
    """Text in UTF-8 in another encoding; None where that has not all its letters, or nobody knows the encoding.

    Args:
        text: the text.
        name: the encoding, as Git's attributes name it.
        like: a file in that encoding; its byte order mark is kept.
    """
    mark, codec = _MARKED.get(name.lower(), (b"", name))
    kind = marked(like)
    if kind:
        big = like.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE))
        mark, codec = like[: 2 if kind == "utf-16" else 4], f"{kind}-{'be' if big else 'le'}"
    try:
        return mark + text.decode().encode(codec)
    except (LookupError, ValueError):
        return None
