"""`mx adopt`: move direct edits of a shared file to `.mx/overrides/`."""

from __future__ import annotations

from typing import Any

import click

from mxdev.commands.planning import PLAN_OPTIONS, change_project, policy_of, with_options


@with_options(*PLAN_OPTIONS)
@click.command()
@click.argument("path", default="devspace.yaml", type=click.Path())
def adopt(path: str, **parameters: Any) -> int:
    """Move your edits of the sections of PATH (default: devspace.yaml) to .mx/overrides/, where the next update keeps them.

    The file itself stays as it is.
    """
    from mxdev import adopting, updating

    notes = updating.Notes()
    return change_project(
        "mx adopt",
        policy_of(parameters),
        lambda project: adopting.plan(project, path, notes),
        lambda: notes.lines,
    )
