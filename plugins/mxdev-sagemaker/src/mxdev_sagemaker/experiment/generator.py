"""The Experiment generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

import click
from mxdev import Generator, Tree, argument, option
from mxdev.freetext import reveal
from mxdev.generator import Pattern

from mxdev_sagemaker.names import ACCOUNT, PART, PLATFORM, REGION, URL

SAVER = "mxdev-saver"
_SOURCE = Pattern(
    r"index|git\+https://[A-Za-z0-9][A-Za-z0-9._/@-]*",
    "index, or git+https://HOST/PATH.git@TAG of mx's repository",
    metavar="SOURCE",
)
_TAG = Pattern(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "the tag of an image, such as 1.0.0", metavar="TAG")


class Experiment(Generator):
    """Start an experiment for SageMaker Studio: notebook, helpers, a kernel of its own, tracking with one line."""

    scope = "new"
    arguments = (argument("NAME", type=PART, help="The experiment, such as detector.", shared=True),)
    options = (
        option("--description", default="An experiment.", help="What it tries to find out, in one sentence.", ask=True,
               shared=True, prompt="Description"),
        option("--squad", type=PART, default="lab", help="The squad whose experiment it is.", ask=True),
        option("--platform", type=PLATFORM, default="sagemaker", ask=True, prompt="The platform's name",
               help="The platform, as SageMakerPlatform made it: names of buckets and registries begin with it."),
        option("--account", type=ACCOUNT, default="123456789012", ask=True, prompt="AWS account", help="The AWS account."),
        option("--aws-region", type=REGION, default="eu-central-1", help="The AWS region.", ask=True),
        option("--gitlab-url", type=URL, default="https://gitlab.com", help="The GitLab server."),
        option("--tracking", type=click.Choice(["sagemaker", "mlflow"]), default="sagemaker",
               help="What records runs: SageMaker Experiments, or MLflow, whose server MLFLOW_TRACKING_URI names."),
        option("--base-tag", type=_TAG, default="1.0.0", help="The tag of the shared base image, PLATFORM/base."),
        option("--idle-minutes", type=click.IntRange(60, 525600), default=60,
               help="How long nothing may run before the instance stops; Studio allows an hour or more."),
        option("--saver-source", type=_SOURCE, default="index",
               help="Where the library mxdev-saver is from: index, the package index that pip asks, or git+https://HOST/PATH.git@TAG."),
        option("--skip-git", is_flag=True, help="Do not run `git init` where there is no repository."),
    )  # fmt: skip
    example = 'mx generate Experiment detector --squad vision --description "Which frames have a face?"'

    def variables(self) -> dict[str, Any]:
        """The options, and what the platform calls the experiment's bucket, registry and image."""
        values = super().variables()
        registry = f"{values['account']}.dkr.ecr.{values['aws_region']}.amazonaws.com"
        own = (values["platform"], values["squad"], values["name"])
        return {
            **values,
            "saver": self._saver(),
            "bucket": f"{'-'.join(own)}-{values['account']}",
            "base": f"{registry}/{values['platform']}/base:{values['base_tag']}",
            "registry": registry,
            "repository": "/".join(own),
            "image": "-".join(own),
        }

    def _saver(self) -> str:
        """The requirement of the library that stores; pandas' own is for Parquet."""
        source = reveal(self.values.saver_source)
        if source == "index":
            return f"{SAVER}[pandas]>=0.1,<1"
        return f"{SAVER}[pandas] @ {source}#subdirectory=plugins/mxdev-sagemaker/saver"

    def generate(self, tree: Tree) -> None:
        """Render the repository."""
        tree.render("templates")
        tree.render(f"{self.values.tracking}_templates")
        if not self.values.skip_git:
            tree.repository()
        tree.next_step("python -m venv .venv")
        tree.next_step(".venv/bin/pip install -e '.[dev]'", "installs what the experiment and its tests need")
        tree.next_step(".venv/bin/python -m pytest", "runs its tests, with an AWS that moto plays")
