"""`mx destroy`: take an instance's files and sections away, and nothing else."""

from __future__ import annotations

from typing import Any

import click

from mxdev.commands.planning import (
    PLAN_OPTIONS,
    complete_instances,
    instance_names,
    policy_of,
    with_options,
)


@with_options(*PLAN_OPTIONS)
@click.command()
@click.argument("instances", nargs=-1, required=True, shell_complete=complete_instances)
@click.option("--with-dependents", is_flag=True, help="Destroy what requires them, too.")
def destroy(instances: tuple[str, ...], with_dependents: bool, **parameters: Any) -> int:
    """Remove what INSTANCES added and you did not touch.

    Files that you edited, and files that were there before, stay and are named. Cloud resources are not touched: destroy those first, with
    Terraform or DevSpace, while their files are still there.
    """
    from mxdev.workflow import update
    from mxdev.workflow.door import change_project

    return change_project(
        "mx destroy",
        policy_of(parameters),
        lambda project: update.destroy(
            project, instance_names(project, instances), with_dependents=with_dependents
        ),
    )
