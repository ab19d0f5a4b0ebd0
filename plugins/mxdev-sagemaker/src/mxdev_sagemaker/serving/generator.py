"""The ModelService generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

import click
from mxdev import Generator, Tree, argument, option

from mxdev_sagemaker.names import ACCOUNT, BRANCH, PIPELINE, PLATFORM, REGION, URL

# What the image installs of each framework, exactly; the tests of this plugin run with these.
_FRAMEWORKS: dict[str, tuple[str, ...]] = {
    "scikit-learn": ("joblib==1.6.0", "pandas==3.1.1", "scikit-learn==1.9.1"),
    "pytorch": ("numpy==2.4.6", "torch==2.15.0"),
    "keras": ("keras==3.15.1", "numpy==2.4.6", "torch==2.15.0"),
    "onnx": ("numpy==2.4.6", "onnxruntime==1.32.0"),
    "custom": (),
}
_ALWAYS = ("awslambdaric==4.2.2", "boto3==1.44.8", "fastapi==0.165.0", "uvicorn==0.54.0")
_OF_TESTS = {"onnx": ("onnx==1.23.2",)}


class ModelService(Generator):
    """An image that answers for models of a framework: by REST, from a queue, and in batches that are done in time."""

    scope = "anywhere"
    arguments = (
        argument(
            "NAME", type=PIPELINE, help="The service, such as churn; its images are tagged NAME-COMMIT."
        ),
    )
    instance_argument = "NAME"
    options = (
        option("--framework", type=click.Choice(list(_FRAMEWORKS)), default="scikit-learn", ask=True,
               help="What its models are made of; custom is a class of your own."),
        option("--aws-region", type=REGION, default="eu-central-1", help="The AWS region.", ask=True),
        option("--account", type=ACCOUNT, default="123456789012", ask=True, prompt="AWS account",
               help="The AWS account; the default is an example, to which nothing is pushed."),
        option("--platform", type=PLATFORM, default="sagemaker", ask=True, prompt="The platform's name",
               help="The platform, as SageMakerPlatform made it: images go to its registry `serving`."),
        option("--branch", type=BRANCH, default="main", help="The branch whose images are pushed.", found="git-branch"),
        option("--gitlab-url", type=URL, default="https://gitlab.com", help="The GitLab server."),
    )  # fmt: skip
    example = "mx generate ModelService churn --framework onnx"

    def variables(self) -> dict[str, Any]:
        """The options, and what is installed."""
        framework = str(self.values.framework)
        installed = sorted((*_ALWAYS, *_FRAMEWORKS[framework]))
        tests = sorted(("httpx==0.28.1", "pytest==9.2.0", *_OF_TESTS.get(framework, ())))
        return {**super().variables(), "requirements": installed, "requirements_of_tests": tests}

    def generate(self, tree: Tree) -> None:
        """Render the folder of the service, and an include of its jobs in .gitlab-ci.yml."""
        name = self.values.name
        folder = f"services/{name}"
        tree.render("templates")
        tree.section(
            ".gitlab-ci.yml",
            f"include[local={folder}/gitlab-ci.yml]",
            {"local": f"{folder}/gitlab-ci.yml"},
        )
        tree.next_step(f"cd {folder}")
        tree.next_step("pip install -r requirements-dev.txt", "installs what the image and its tests need")
        tree.next_step("python -m pytest tests", "serves a small model, and asks it")
