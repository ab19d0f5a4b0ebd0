"""The pieces that HCL, Terraform's language, is written in: enough to tell what is said from what is only in a comment or a text."""

from __future__ import annotations

import re
from collections.abc import Iterator

# What has to be told apart to find where a value ends: a bracket in a text or in a comment is none. Each alternative that has begun
# succeeds at its first try: a text that nobody closed ends with its line, so that no piece is read twice.
_TOKEN = re.compile(
    r"""(?P<aside>\#[^\n]*|//[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<long><<[-~]?(?P<end>[A-Za-z_][\w-]*)[^\n]*\n.*?(?:^[ \t]*(?P=end)[ \t]*(?=\n|\Z)|\Z))
    |(?P<text>"(?:\\[^\n]?|[^"\\\n])*(?:"|(?=\n)|\Z))
    |(?P<open>[\[{(])|(?P<close>[\]})])|(?P<word>[A-Za-z_][\w-]*)|(?P<line>\n)|(?P<is>=(?!=))|[^\S\n]+|.""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


def tokens(source: str) -> Iterator[tuple[str | None, str]]:
    """The pieces of `source`, which are all of it: what kind each is, and how it is written.

    The kinds: aside (a comment), long (a text from `<<END` to `END`), text, open and close (brackets), word, line (its end), is (`=`);
    None: anything else.
    """
    for found in _TOKEN.finditer(source):
        yield ("long" if found["long"] is not None else found.lastgroup), found[0]


def without_asides(source: str) -> str:
    """`source` without comments and without what stands in long texts; a comment that nobody closed stays."""
    return "".join(_bare(kind, written) for kind, written in tokens(source))


def _bare(kind: str | None, written: str) -> str:
    if kind == "long":
        return '""'
    return "" if kind == "aside" and (written[:2] != "/*" or written.endswith("*/")) else written
