"""Manifests as text: canonical YAML documents below a head of comments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mxdev.sections.yaml.write import render_entry


def documents(head: str, items: Sequence[Mapping[str, Any]]) -> str:
    """Objects as one YAML file.

    Args:
        head: comment lines at the top, without `#`.
        items: the objects, plain data.
    """
    comments = "".join(f"# {line}\n" for line in head.strip().split("\n"))
    texts = ["".join(render_entry(key, value) for key, value in item.items()) for item in items]
    return "---\n" + comments + "---\n".join(texts)
