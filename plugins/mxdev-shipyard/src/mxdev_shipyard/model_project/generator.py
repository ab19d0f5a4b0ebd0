"""The ModelProject generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

import click
from mxdev import Generator, Tree, argument, option

from mxdev_shipyard.model_project.naming import (
    BUCKET,
    EMAIL,
    PIPELINES,
    REGISTRY,
    REPOSITORY,
    URL,
    model_of,
)

# Where no training has been: the epoch, which no bucket has weights of.
NO_TRAINING_YET = "1970-01-01T00:00:00Z"


class ModelProject(Generator):
    """Start the project of a model: it trains, is served by KServe, and meets the standards."""

    scope = "new"
    arguments = (
        argument("NAME", type=REPOSITORY, help="The repository, such as deploy-iris-model.", shared=True),
    )
    options = (
        option("--description", default="A model.", help="What it predicts, in one sentence.", ask=True,
               shared=True, prompt="Description"),
        option("--wiki-url", type=URL, default="https://wiki.example.com/", ask=True, prompt="Wiki",
               help="Its page in the wiki."),
        option("--tracker-url", type=URL, default="https://tracker.example.com/", ask=True, prompt="Tracker",
               help="Its project in the issue tracker."),
        option("--author-email", type=EMAIL, default="author@example.com", ask=True, prompt="Author's e-mail",
               help="Who answers for it."),
        option("--architecture", type=click.Choice(["text", "tabular", "image"]), default="text",
               help="What it classifies until your own data is in place: names of characters, flowers by their "
               "measures, or pictures of digits."),
        option("--bucket", type=BUCKET, default="shipyard-models", help="The S3 bucket of weights and data."),
        option("--registry", type=REGISTRY, default="123456789012.dkr.ecr.eu-west-1.amazonaws.com",
               help="The ECR registry of images."),
        option("--gitlab", type=URL, default="https://gitlab.example.com", help="GitLab's address."),
        option("--group", type=PIPELINES, default="shipyard/models", help="GitLab's group of model projects."),
        option("--pipelines", type=PIPELINES, default="shipyard/pipelines",
               help="The project of GitLab that has the central pipelines."),
        option("--domain", type=REGISTRY, default="models.example.com",
               help="The domain below which models are served, as MODEL.ENVIRONMENT.DOMAIN."),
        option("--skip-git", is_flag=True, help="Do not run `git init` where there is no repository."),
    )  # fmt: skip
    example = 'mx generate ModelProject deploy-iris-model --description "Which iris is it?"'

    def variables(self) -> dict[str, Any]:
        """The options, and the names that are made from them."""
        model = model_of(str(self.values.name)) or ""
        camel = "".join(part.capitalize() for part in model.split("-"))
        return {**super().variables(), "model": model, "camel": camel, "trained": NO_TRAINING_YET}

    def generate(self, tree: Tree) -> None:
        """Render the repository."""
        tree.render("templates")
        if not self.values.skip_git:
            tree.repository()
        tree.next_step("python -m venv .venv")
        tree.next_step(
            ".venv/bin/pip install --require-hashes -r requirements.txt -r requirements-dev.txt",
            "installs what the model and its tests need",
        )
        tree.next_step(".venv/bin/python train.py", "trains on the data that ships with the packages")
        tree.next_step(".venv/bin/python -m pytest", "runs its tests, with the served model")
        tree.next_step("mx check", "checks it against the standards")
