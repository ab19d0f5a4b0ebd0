"""Names of a project as text that a picture may hold."""

from __future__ import annotations

import unicodedata


def one_line(text: str, longest: int = 0) -> str:
    """`text` on one line, without what does not show or turns the direction of writing.

    Args:
        text: a name; of a file that anybody may have written.
        longest: how many characters at most, the last being an ellipsis then; 0: all of them.
    """
    shown = "".join(" " if one.isspace() else one for one in text)
    shown = "".join(one for one in shown if unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    shown = " ".join(shown.split())
    return shown if not longest or len(shown) <= longest else f"{shown[: longest - 1]}…"
