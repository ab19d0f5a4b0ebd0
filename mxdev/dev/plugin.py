"""What `mx dev` announces, by the hook of any plugin."""

from __future__ import annotations

from mxdev.plugins.hookspecs import hookimpl
from mxdev.plugins.model import Lazy, lazy


@hookimpl
def mx_commands() -> list[Lazy]:
    """`mx dev`."""
    return [lazy("mxdev.dev.command:dev", "Work in JupyterLab on the cluster.")]
