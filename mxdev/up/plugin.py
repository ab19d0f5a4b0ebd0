"""What `mx up` and `mx down` announce, by the hook of any plugin."""

from __future__ import annotations

from mxdev.plugins.hookspecs import hookimpl
from mxdev.plugins.model import Lazy, lazy


@hookimpl
def mx_commands() -> list[Lazy]:
    """`mx up` and `mx down`."""
    return [
        lazy("mxdev.up.command:up", "Bring the whole project up: infrastructure, login, deployments."),
        lazy("mxdev.up.command:down", "Take down what mx brought up."),
    ]
