"""The PromotionPipeline generator."""

from __future__ import annotations

from typing import Any

import click
from mxdev import Generator, Tree, option

from mxdev_shipyard.pipelines.options import ENVIRONMENTS, NAME, PACKAGE, PLATFORM


class PromotionPipeline(Generator):
    """The central pipeline that every model project includes: standards, tests, image, promotion, and back."""

    scope = "new"
    arguments = (NAME,)
    options = (
        *PLATFORM,
        option("--least-coverage", type=click.IntRange(0, 100), default=80, help="Less coverage than this, in percent, is red."),
    )  # fmt: skip
    example = "mx generate PromotionPipeline shipyard-pipelines --least-coverage 90"

    def variables(self) -> dict[str, Any]:
        """The options, and the environments in order."""
        return {**super().variables(), "environments": ENVIRONMENTS, "package": PACKAGE}

    def generate(self, tree: Tree) -> None:
        """Render the repository."""
        tree.render("promotion_templates")
        if not self.values.skip_git:
            tree.repository()
        tree.next_step("git tag v1", "is what model projects include; push it with the commit")
