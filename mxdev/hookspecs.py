"""The public address of mx's hooks; the code is in `mxdev.plugins.hookspecs`."""

from mxdev.plugins.hookspecs import (
    hookimpl,
    hookspec,
    mx_check_plan,
    mx_commands,
    mx_defaults,
    mx_generators,
    mx_lint_rules,
    mx_standards,
    mx_template_filters,
    mx_template_overrides,
    mx_up_steps,
)

__all__ = [
    "hookimpl", "hookspec", "mx_check_plan", "mx_commands", "mx_defaults", "mx_generators", "mx_lint_rules",
    "mx_standards", "mx_template_filters", "mx_template_overrides", "mx_up_steps",
]  # fmt: skip
