"""The SageMakerPlatform generator: what it asks and what it renders."""

from __future__ import annotations

import click
from mxdev import Generator, Tree, argument, option

from mxdev_sagemaker.bundle import add_builder
from mxdev_sagemaker.names import GROUP, HOST, PLATFORM, PROJECT, REGION, URL


class SageMakerPlatform(Generator):
    """Everything global of SageMaker in Terraform: network, registries, roles, groups, load balancer, Lambda functions."""

    scope = "new"
    arguments = (
        argument(
            "NAME", type=PLATFORM, help="The platform; names of its resources begin with it.", shared=True
        ),
    )
    options = (
        option("--aws-region", type=REGION, default="eu-central-1", help="The AWS region.", ask=True, shared=True),
        option("--hostname", type=HOST, default="ml.example.com", ask=True,
               help="The name at which models are served, as https://HOST/predictions/MODEL/VERSION/predict."),
        option("--exposure", type=click.Choice(["internal", "internet"]), default="internal",
               help="Who reaches the load balancer: the company's network only, or everybody."),
        option("--gitlab-url", type=URL, default="https://gitlab.com", help="The GitLab server.", shared=True),
        option("--gitlab-group", type=GROUP, default="acme/ml", ask=True, shared=True,
               help="GitLab's group of the squads: the repository of an experiment is GROUP/SQUAD/EXPERIMENT."),
        option("--deployments-project", type=PROJECT, default="acme/ml/deployments", ask=True,
               help="The project of GitLab that `mx generate Deployments` makes; an accepted model is a commit to it."),
        option("--skip-git", is_flag=True, help="Do not run `git init` where there is no repository."),
    )  # fmt: skip
    example = "mx generate SageMakerPlatform acme-ml --hostname ml.acme.example"

    def generate(self, tree: Tree) -> None:
        """Render the stacks, the Lambda functions with their tests, and the pipeline that checks both."""
        tree.render("templates")
        add_builder(tree)
        if not self.values.skip_git:
            tree.repository()
        tree.next_step(
            "terraform -chdir=bootstrap init", "prepares the bucket of Terraform's state; once for an account"
        )
        tree.next_step(
            "terraform -chdir=bootstrap apply", "makes it; its name is in terraform/backend.tf already"
        )
        tree.next_step("python lambdas/build.py", "zips the Lambda functions")
        tree.next_step("terraform -chdir=terraform init", "prepares the platform")
        tree.next_step(
            "terraform -chdir=terraform apply", "makes it, which costs money: a NAT gateway, a load balancer"
        )
