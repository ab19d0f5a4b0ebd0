"""`mx destroy`: take an instance's files and sections away, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from mxdev.commands.planning import (
    PLAN_OPTIONS,
    complete_instances,
    instance_names,
    policy_of,
    with_options,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mxdev.plan.model import Plan
    from mxdev.project.project import Project

_DEPLOYMENTS = "deployments."


@with_options(*PLAN_OPTIONS)
@click.command()
@click.argument("instances", nargs=-1, required=True, shell_complete=complete_instances)
@click.option("--with-dependents", is_flag=True, help="Destroy what requires them, too.")
def destroy(instances: tuple[str, ...], with_dependents: bool, **parameters: Any) -> int:
    """Remove what INSTANCES added and you did not touch.

    Files that you edited, and files that were there before, stay and are named. On a terminal you are asked before more than
    three files go; `mx undo` brings them back. Cloud resources are not touched: destroy those first, with
    Terraform or DevSpace, while their files are still there.
    """
    from mxdev.workflow import update
    from mxdev.workflow.door import change_project

    policy = replace(policy_of(parameters), confirm="Remove {count} files? `mx undo` brings them back.")

    def plan(project: Project) -> Plan:
        found = update.destroy(project, instance_names(project, instances), with_dependents=with_dependents)
        if not policy.dry_run and found.effective:
            found.notes.append("`mx undo` brings back what was removed.")
        found.notes += _still_up(found, dry_run=policy.dry_run)
        return found

    return change_project("mx destroy", policy, plan)


def _still_up(plan: Plan, *, dry_run: bool) -> Iterator[str]:
    """What runs on a cluster or in a cloud whatever becomes of its files, and the way to take it down while they are there."""
    from mxdev.project import environments

    going = [plan.project.instances[one.known_as] for one in plan.renderings if one.tree is None]
    addresses = [one.address for record in going for one in record.sections if one.path == "devspace.yaml"]
    deployed = [one.removeprefix(_DEPLOYMENTS) for one in addresses if one.startswith(_DEPLOYMENTS)]
    ways = [f"mx purge {' '.join(deployed)}"] if deployed else []
    files = {path for record in going for path in record.files}
    ways += [f"mx down -E {name}" for name in environments.names(plan.root) if f"{environments.FOLDER}/{name}.yaml" in files]  # fmt: skip
    for way in ways:
        yield (
            f"`{way}` first, if it was deployed: without its files mx does not know it."
            if dry_run
            else f"If it was deployed, it still runs: `mx undo`, `{way}`, then this again."
        )
