"""SageMaker for a company's labs. This module only announces; what does the work is imported when it is used."""

from __future__ import annotations

from mxdev import hookimpl, lazy
from mxdev.plugins import Lazy


@hookimpl
def mx_generators() -> list[Lazy]:
    """The generators of the platform, of experiments, of training and of deployment."""
    return [
        lazy(
            "mxdev_sagemaker.serving.generator:ModelService",
            "An image that answers for models, by REST, from a queue and in batches.",
        ),
    ]


@hookimpl
def mx_commands() -> list[Lazy]:
    """The command `mx sagemaker`."""
    return []
