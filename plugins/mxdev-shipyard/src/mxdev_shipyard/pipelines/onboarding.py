"""The OnboardingRepository generator."""

from __future__ import annotations

from typing import Any

from mxdev import Generator, Tree, option

from mxdev_shipyard.pipelines.options import ENVIRONMENTS, NAME, PACKAGE, PLATFORM, ROLE


class OnboardingRepository(Generator):
    """The repository whose main branch onboards: one file of values for each model, settings, policy, pipeline."""

    scope = "new"
    arguments = (NAME,)
    options = (
        *PLATFORM,
        option("--read-role", type=ROLE, default="arn:aws:iam::123456789012:role/shipyard-read", help="The role of AWS that merge requests take: it may only look."),
    )  # fmt: skip
    example = "mx generate OnboardingRepository boarding"

    def variables(self) -> dict[str, Any]:
        """The options, and the environments."""
        return {**super().variables(), "environments": ENVIRONMENTS, "package": PACKAGE}

    def generate(self, tree: Tree) -> None:
        """Render the repository."""
        tree.render("onboarding_templates")
        if not self.values.skip_git:
            tree.repository()
        tree.next_step("mx onboard values/MODEL.yml --dry-run", "shows what a file of values would do")
