"""The Squad generator: what it asks and what it renders."""

from __future__ import annotations

from mxdev import Generator, Tree, argument, option
from mxdev.generator import Pattern

from mxdev_sagemaker.names import PART, PIPELINE

_MEMBER = Pattern(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,62}", "letters, digits and single dashes", metavar="NAME")


class Squad(Generator):
    """A squad of the platform: its experiments, each with a Git repository, an image registry and a versioned bucket."""

    requires = ("SageMakerPlatform",)
    arguments = (argument("NAME", type=PART, help="The squad, such as vision."),)
    instance_argument = "NAME"
    options = (
        option("--experiment", type=PART, multiple=True, default=(), help="An experiment; again for another."),
        option("--pipeline", type=PIPELINE, multiple=True, default=(), help="A training pipeline, whose steps' images get registries; again for another."),
        option("--member", type=_MEMBER, multiple=True, default=(), help="A member, who gets a profile in SageMaker Studio; again for another."),
    )  # fmt: skip
    example = "mx generate Squad vision --experiment detector --member ada"

    def generate(self, tree: Tree) -> None:
        """Render the file that instantiates the module."""
        tree.render("templates")
        tree.next_step("terraform -chdir=terraform init", "knows the squad's module")
        tree.next_step("terraform -chdir=terraform apply", "makes its registries, buckets and profiles")
