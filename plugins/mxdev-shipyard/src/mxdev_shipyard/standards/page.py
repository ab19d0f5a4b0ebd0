"""The page about the standards, made from them: `python -m mxdev_shipyard.standards.page` writes it anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mxdev_shipyard.standards.model import Standard

PLACE = Path(__file__).with_name("STANDARDS.md")
_HEAD = """\
# The standards

Each model's repository meets these. `mx check`, or `snitch`, says whether it does; nothing of the repository is run for that.
A project that cannot meet one has a waiver in its `standards.yaml`, with a reason and its last day:

```yaml
waivers:
  - standard: 9
    reason: The logo of the client has 6 MB, until we have a smaller one.
    until: 2027-01-31
```
"""


def page(standards: Sequence[Standard]) -> str:
    """The page as Markdown, with an anchor for each standard."""
    parts = [_HEAD]
    for standard in standards:
        tested = "" if standard.file else "\nNo test covers it.\n"
        parts.append(
            f'<a id="{standard.anchor}"></a>\n\n## {standard.number}. {standard.title}\n\n'
            f"{standard.reason}\n\n**Fix:** {standard.fix}\n{tested}"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    from mxdev_shipyard.standards.catalogue import own

    PLACE.write_text(page(own()), encoding="utf-8")
