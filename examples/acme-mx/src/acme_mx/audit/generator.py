"""The AuditTrail generator."""

from __future__ import annotations

import click
from mxdev import Generator, Tree, option


class AuditTrail(Generator):
    """Keep an audit trail of every training run."""

    requires = ("MLProjectSkeleton",)
    options = (
        option("--days", type=click.IntRange(1, 3650), default=365, help="How long entries are kept."),
        option("--approval", default="", help="The ticket in which that was approved.", ask=True),
    )
    example = "mx generate AuditTrail --days 90 --approval 1234"

    def generate(self, tree: Tree) -> None:
        """Render the page, and the variable that the deployments read."""
        tree.render("templates")
        tree.section("devspace.yaml", "vars.AUDIT_DAYS", {"value": str(self.values.days)})
        tree.next_step("mx lint", "checks the new files")
