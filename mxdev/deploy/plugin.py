"""What `mx deploy` and `mx purge` announce, by the hook of any plugin."""

from __future__ import annotations

from mxdev.plugins.hookspecs import hookimpl
from mxdev.plugins.model import Lazy, lazy


@hookimpl
def mx_commands() -> list[Lazy]:
    """`mx deploy` and `mx purge`."""
    return [
        lazy("mxdev.deploy.command:deploy", "Deploy the project to its cluster."),
        lazy("mxdev.deploy.command:purge", "Remove what is deployed; data stays."),
    ]
