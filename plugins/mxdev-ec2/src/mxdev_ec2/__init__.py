"""One model server on EC2. This module only announces; what does the work is imported when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxdev import hookimpl, lazy
from mxdev.plugins import Lazy

if TYPE_CHECKING:
    from pathlib import Path

    from mxdev import Step


@hookimpl
def mx_generators() -> list[Lazy]:
    """The generator Ec2ModelServer."""
    return [
        lazy(
            "mxdev_ec2.server.generator:Ec2ModelServer",
            "Serve one model on EC2, deployed by GitLab without SSH.",
        )
    ]


@hookimpl
def mx_commands() -> list[Lazy]:
    """The command `mx ec2`."""
    return [lazy("mxdev_ec2.command:ec2", "Deploy the model server on EC2, look at it, and go back.")]


@hookimpl
def mx_up_steps(root: Path) -> list[Step] | None:
    """The server's steps on the way up, where the project has one."""
    if not (root / "infrastructure/ec2/settings.json").is_file():
        return None
    from mxdev_ec2.up.steps import steps

    return steps(root)
