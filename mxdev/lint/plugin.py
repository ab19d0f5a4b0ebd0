"""What `mx lint` announces: its command and mx's own rules, by the hooks of any plugin."""

from __future__ import annotations

from mxdev.plugins.hookspecs import hookimpl
from mxdev.plugins.model import Lazy, lazy


@hookimpl
def mx_commands() -> list[Lazy]:
    """`mx lint`."""
    return [lazy("mxdev.lint.command:lint", "Check files against the style guide.")]


@hookimpl
def mx_lint_rules() -> list[Lazy]:
    """In the order in which `--fix` runs them and findings on the same place stand."""
    return [
        lazy("mxdev.lint.rules.ruff:RuffCheck", name="ruff-check"),
        lazy("mxdev.lint.rules.ruff:RuffFormat", name="ruff-format"),
        lazy("mxdev.lint.rules.yamllint:Yamllint", name="yamllint"),
        lazy("mxdev.lint.rules.hadolint:Hadolint", name="hadolint"),
        lazy("mxdev.lint.rules.terraform:TerraformFmt", name="terraform-fmt"),
        lazy("mxdev.lint.rules.shellcheck:Shellcheck", name="shellcheck"),
        lazy("mxdev.lint.rules.merge_markers:MergeMarkers", name="merge-markers"),
        lazy("mxdev.lint.rules.hand_edited:HandEdited", name="hand-edited"),
        lazy("mxdev.lint.rules.strayed_answers:StrayedAnswers", name="strayed-answers"),
        lazy("mxdev.lint.rules.pristine:Pristine", name="pristine"),
    ]
