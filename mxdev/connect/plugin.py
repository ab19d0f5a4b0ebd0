"""What `mx connect` announces, by the hook of any plugin."""

from __future__ import annotations

from mxdev.plugins.hookspecs import hookimpl
from mxdev.plugins.model import Lazy, lazy


@hookimpl
def mx_commands() -> list[Lazy]:
    """`mx connect`."""
    return [lazy("mxdev.connect.command:connect", "Log in to the project's cloud and cluster.")]
