"""Answers of `mx.yaml` that were changed in `terraform.tfvars` only."""

from __future__ import annotations

from collections.abc import Iterator

from mxdev.lint.context import Context
from mxdev.lint.rule import Finding, Rule


class StrayedAnswers(Rule):
    """A project id that Terraform has from the one place and CI from the other is two projects."""

    name = "strayed-answers"
    summary = "terraform.tfvars: what mx.yaml says too is the same in both"
    project = True

    def check(self, context: Context) -> Iterator[Finding]:
        """One finding for each value that differs."""
        from mxdev.project.answers import strayed

        for project in context.projects:
            for one in strayed(project):
                where = project.root / one.path
                if context.covers(where):
                    yield Finding(where, one.line, 1, self.name, "error", one.message)
