"""`mx set`: change options, and update in the same plan."""

from __future__ import annotations

from typing import Any

import click

from mxdev.commands.planning import DOWNGRADE, PLAN_OPTIONS, policy_of, with_options
from mxdev.errors import UsageProblem


@with_options(*PLAN_OPTIONS, DOWNGRADE)
@click.command("set")
@click.argument("assignments", nargs=-1, required=True, metavar="KEY=VALUE...")
def set_options(assignments: tuple[str, ...], **parameters: Any) -> int:
    """Change options and update what they reach, in one plan.

    KEY is a project option (`region`) or an option of one instance (`StreamlitApp:demo.port`). An option that takes several values is
    given several times; `KEY=` without a value empties it.
    """
    from mxdev.workflow import update
    from mxdev.workflow.door import change_project

    downgrade = parameters.pop("allow_downgrade")
    changes = _parse(assignments)
    policy = policy_of(parameters)
    return change_project(
        "mx set",
        policy,
        lambda project: update.change_options(project, changes, downgrade=downgrade, reading=policy.dry_run),
    )


def _parse(assignments: tuple[str, ...]) -> dict[str, Any]:
    """One value, or the list of all that were given, by key."""
    given: dict[str, list[str]] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise UsageProblem(
                f"{assignment!r} is no assignment.", hint="Write `mx set region=europe-west4`."
            )
        given.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in given.items()}
