"""What `mx infra` announces, by the hook of any plugin."""

from __future__ import annotations

from mxdev.plugins.hookspecs import hookimpl
from mxdev.plugins.model import Lazy, lazy


@hookimpl
def mx_commands() -> list[Lazy]:
    """`mx infra`."""
    return [lazy("mxdev.infra.command:infra", "Plan, apply and destroy what Terraform makes.")]
