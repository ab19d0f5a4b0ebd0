"""`mx update`: render again with the installed generators, and merge with what the person did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mxdev.commands.planning import (
    DOWNGRADE,
    PLAN_OPTIONS,
    complete_instances,
    named,
    owners,
    place,
    policy_of,
    with_options,
)

if TYPE_CHECKING:
    from mxdev.plan.model import Plan
    from mxdev.project.project import Project


@with_options(*PLAN_OPTIONS, DOWNGRADE)
@click.command()
@click.argument("instances", nargs=-1, shell_complete=complete_instances)
@click.option(
    "--retry", multiple=True, metavar="PATH", help="Offer again a change that you declined; may be repeated."
)
@click.option(
    "--restore", multiple=True, metavar="PATH", help="Bring back a file that you deleted; may be repeated."
)
@click.option(
    "--accept",
    multiple=True,
    metavar="PATH",
    help="Say that the override of a template is right, although that template has changed; may be repeated.",
)
def update(
    instances: tuple[str, ...],
    retry: tuple[str, ...],
    restore: tuple[str, ...],
    accept: tuple[str, ...],
    **parameters: Any,
) -> int:
    """Render INSTANCES (default: all) again with the installed generators, and merge with your edits.

    A file or folder, from where you stand, means the instances that rendered it, each as a whole.

    What you changed is kept or merged, what you deleted stays deleted, and nothing is overwritten unasked.
    """
    from mxdev.plan.model import Wishes
    from mxdev.workflow import update as updating
    from mxdev.workflow.door import change_project

    downgrade = parameters.pop("allow_downgrade")
    policy = policy_of(parameters)

    def plan(project: Project) -> Plan:
        names, paths = named(project, instances)
        names += [name for path in paths for name in owners(project, path)]
        offered, restored = (frozenset(place(project, path) for path in some) for some in (retry, restore))
        return updating.update(
            project,
            list(dict.fromkeys(names)) or None,
            Wishes(offered, restored, frozenset(accept)),
            downgrade=downgrade,
            freshness="newest",
            reading=policy.dry_run,
        )

    return change_project("mx update", policy, plan)
