"""The generators that come with mx, registered as any third party's are."""

from __future__ import annotations

from mxdev import hookimpl, lazy


@hookimpl
def mx_generators() -> list[object]:
    """Announce the built-in generators without importing them."""
    return [
        lazy(
            "mxdev_generators.ml_project_skeleton.generator:MLProjectSkeleton",
            "A project that trains, tests, documents and deploys itself.",
        ),
        lazy(
            "mxdev_generators.entry_point.generator:EntryPoint",
            "A command of the project beside the trainer: module, configuration, test.",
        ),
        lazy(
            "mxdev_generators.dataset.generator:Dataset",
            "A table of your own in a CSV file: read, checked, divided, described.",
        ),
        lazy(
            "mxdev_generators.distributed_training.generator:DistributedTraining",
            "Train on several machines with Kubeflow's training operator.",
        ),
        lazy(
            "mxdev_generators.deployment_infrastructure.generator:DeploymentInfrastructure",
            "Names, certificate, login and one gateway, through which people reach what the project runs.",
        ),
        lazy(
            "mxdev_generators.plugin.generator:Plugin",
            "A plugin for mx: generator, command, lint rule, tests, ready to publish.",
        ),
        lazy(
            "mxdev_generators.template.generator:Template",
            "Bring in a Copier or Cookiecutter template, and keep it up to date.",
        ),
        lazy(
            "mxdev_generators.gitlab_ci.generator:GitLabCI",
            "A pipeline for GitLab: lint, test, docs, package, images, training.",
        ),
        lazy(
            "mxdev_generators.github_actions.generator:GitHubActions",
            "Workflows for GitHub: lint, test, docs, package, images, training.",
        ),
        lazy(
            "mxdev_generators.cloud_build_default_config.generator:CloudBuildDefaultConfig",
            "Builds on Google Cloud: lint, test, docs, package, images, training.",
        ),
        lazy(
            "mxdev_generators.seldon_deployment.generator:SeldonDeployment",
            "The project's model behind an endpoint, by KServe or Seldon Core.",
        ),
    ]
