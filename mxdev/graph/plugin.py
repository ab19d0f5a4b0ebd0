"""What `mx graph` announces, by the hook of any plugin."""

from __future__ import annotations

from mxdev.plugins.hookspecs import hookimpl
from mxdev.plugins.model import Lazy, lazy


@hookimpl
def mx_commands() -> list[Lazy]:
    """`mx graph`."""
    return [lazy("mxdev.graph.command:graph", "Draw the project: what it is made of, and what uses what.")]
