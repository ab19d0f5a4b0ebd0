"""What `mx doctor` announces, by the hook of any plugin."""

from __future__ import annotations

from mxdev.plugins.hookspecs import hookimpl
from mxdev.plugins.model import Lazy, lazy


@hookimpl
def mx_commands() -> list[Lazy]:
    """`mx doctor`."""
    return [lazy("mxdev.doctor.command:doctor", "Find what is wrong, and say what to do.")]
