"""One model server on EC2. This module only announces; what does the work is imported when it is used."""

from __future__ import annotations

from mxdev import hookimpl, lazy
from mxdev.plugins import Lazy


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
