"""SageMaker for a company's labs. This module only announces; what does the work is imported when it is used."""

from __future__ import annotations

from mxdev import hookimpl, lazy
from mxdev.plugins import Lazy


@hookimpl
def mx_generators() -> list[Lazy]:
    """The generators of the platform, of experiments, of training and of deployment."""
    return [
        lazy(
            "mxdev_sagemaker.platform.generator:SageMakerPlatform",
            "Everything global of SageMaker in Terraform: network, registries, roles, groups, load balancer, Lambda functions.",
        ),
        lazy(
            "mxdev_sagemaker.squad.generator:Squad",
            "A squad of the platform: its experiments, each with a Git repository, an image registry and a versioned bucket.",
        ),
        lazy(
            "mxdev_sagemaker.deployments.generator:Deployments",
            "The repository of deployments: one small file for each model and version, and the Terraform that reads them.",
        ),
        lazy("mxdev_sagemaker.training.generator:TrainingPipeline", "Train on SageMaker on a schedule."),
        lazy("mxdev_sagemaker.experiment.generator:Experiment", "Start an experiment for SageMaker Studio."),
        lazy(
            "mxdev_sagemaker.serving.generator:ModelService",
            "An image that answers for models, by REST, from a queue and in batches.",
        ),
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
