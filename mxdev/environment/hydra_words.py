"""Free text as Hydra reads it, in a word such as `bucket='gs://churn'` on the command line of a program of the project."""

from __future__ import annotations

import re

from mxdev.errors import UsageProblem

# Hydra takes backslashes as they are, but for those before a quote of its own, and one there quotes the quote.
_BEFORE_QUOTE = re.compile(r"(\\*)('|\Z)")


def quoted(text: str, what: str) -> str:
    """The text between quotes, so that Hydra gets it back as it is.

    `it's C:\\` -> `'it\\'s C:\\\\'`

    Args:
        text: any text.
        what: what it is, for the message, such as "--reason".

    Raises:
        UsageProblem: Hydra would take a part of it for an interpolation, or it is no line of text.
    """
    if "${" in text or not text.isprintable():
        raise UsageProblem(
            f"{what} is one line of text without ${{, which Hydra reads as a reference to another value; it was {text!r}."
        )
    escaped = _BEFORE_QUOTE.sub(lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text)
    return f"'{escaped}'"
