"""YAML documents of a CI: canonical block YAML with a head of comments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev.sections.yaml.write import render_entry


def document(head: str, content: Mapping[str, Any], notes: Mapping[str, str] | None = None) -> str:
    """`content` as a YAML file, a blank line between its entries.

    Args:
        head: comment lines at the top, without `#`.
        content: plain data.
        notes: comments for top-level keys.
    """
    comments = "".join(f"# {line}\n" if line else "#\n" for line in head.strip().split("\n"))
    entries = [render_entry(key, value, comment=(notes or {}).get(key)) for key, value in content.items()]
    return comments + "\n".join(["", *entries])
