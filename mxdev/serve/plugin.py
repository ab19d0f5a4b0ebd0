"""What `mx serve` announces, by the hook of any plugin."""

from __future__ import annotations

from mxdev.plugins.hookspecs import hookimpl
from mxdev.plugins.model import Lazy, lazy


@hookimpl
def mx_commands() -> list[Lazy]:
    """`mx serve`."""
    return [lazy("mxdev.serve.command:serve", "Serve a model or a page of the project on this machine.")]
