"""The Deployments generator: what it asks and what it renders."""

from __future__ import annotations

from mxdev import Generator, Tree, argument, option

from mxdev_sagemaker.bundle import add_builder
from mxdev_sagemaker.names import PART, PLATFORM, REGION, URL


class Deployments(Generator):
    """The repository of deployments: one small file for each model and version, and the Terraform that reads them."""

    scope = "new"
    arguments = (
        argument("NAME", type=PART, help="The repository's folder, such as deployments.", shared=True),
    )
    options = (
        option("--platform", type=PLATFORM, default="acme-ml", ask=True,
               help="The platform: the NAME that `mx generate SageMakerPlatform` was given."),
        option("--aws-region", type=REGION, default="eu-central-1", help="The platform's AWS region.", ask=True),
        option("--gitlab-url", type=URL, default="https://gitlab.com", help="The GitLab server."),
        option("--skip-git", is_flag=True, help="Do not run `git init` where there is no repository."),
    )  # fmt: skip
    example = "mx generate Deployments deployments --platform acme-ml"

    def generate(self, tree: Tree) -> None:
        """Render the stacks, the schemas of the files, and the pipeline that checks and applies."""
        tree.render("templates")
        add_builder(tree)
        if not self.values.skip_git:
            tree.repository()
        tree.next_step("python check.py", "checks the files of deployments; it needs jsonschema")
        tree.next_step("python lambdas/build.py", "zips the function that looks at the deadline")
        tree.next_step("terraform -chdir=terraform init", "prepares the stacks; the platform must be there")
