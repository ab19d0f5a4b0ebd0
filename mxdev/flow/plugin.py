"""What `mx flow` announces, by the hook of any plugin."""

from __future__ import annotations

from mxdev.plugins.hookspecs import hookimpl
from mxdev.plugins.model import Lazy, lazy


@hookimpl
def mx_commands() -> list[Lazy]:
    """`mx flow`."""
    return [lazy("mxdev.flow.command:flow", "Train and look at runs, with MLflow.")]
