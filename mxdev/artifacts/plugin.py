"""What `mx build` announces, by the hook of any plugin."""

from __future__ import annotations

from mxdev.plugins.hookspecs import hookimpl
from mxdev.plugins.model import Lazy, lazy


@hookimpl
def mx_commands() -> list[Lazy]:
    """`mx build`."""
    return [lazy("mxdev.artifacts.command:build", "Make the image, the documentation or the package.")]
