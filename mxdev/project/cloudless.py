"""A project of one machine, `cloud: none`: what is said where it would need a cloud or a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NONE = "none"


def way_out(options: Mapping[str, Any]) -> str | None:
    """How a project gets a cluster that has none; None: it has one, or nothing says so.

    Args:
        options: the project's, by name.
    """
    if options.get("cloud") != NONE:
        return None
    return (
        "This project is for one machine and has no cluster (cloud: none). `mx set cloud=gcp` brings Google Cloud, "
        "`mx set cloud=existing` a cluster of your own."
    )
