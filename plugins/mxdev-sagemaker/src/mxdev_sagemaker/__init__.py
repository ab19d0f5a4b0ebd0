"""SageMaker for a company's labs. This module only announces; what does the work is imported when it is used."""

from __future__ import annotations

from mxdev import hookimpl, lazy
from mxdev.plugins import Lazy


@hookimpl
def mx_generators() -> list[Lazy]:
    """The generators of the platform, of experiments, of training and of deployment."""
    return [
        lazy("mxdev_sagemaker.training.generator:TrainingPipeline", "Train on SageMaker on a schedule."),
        lazy("mxdev_sagemaker.experiment.generator:Experiment", "Start an experiment for SageMaker Studio."),
    ]


@hookimpl
def mx_commands() -> list[Lazy]:
    """The command `mx sagemaker`."""
    return [
        lazy(
            "mxdev_sagemaker.command.group:sagemaker",
            "Configure and start training pipelines on SageMaker; accept or refuse their models.",
        ),
    ]
