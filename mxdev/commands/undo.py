"""`mx undo`: take back the last plan that changed something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mxdev.commands.planning import PLAN_OPTIONS, answering, policy_of, with_options, writing


@with_options(*PLAN_OPTIONS)
@click.command()
@click.option("--merge", is_flag=True, help="Merge with what was done to the files since.")
def undo(merge: bool, **parameters: Any) -> int:
    """Take back the last plan that changed a file, an overwrite that you chose included.

    A second `mx undo` does it again. Files that changed since stop it, unless you say --merge.
    """
    from mxdev import applying, console, undoing
    from mxdev.errors import MxError

    policy = policy_of(parameters)

    def work() -> int:
        root = undoing.find(Path.cwd())
        if root is None:
            raise MxError(
                f"{Path.cwd()} is in no mx project, and nothing was done here that could be taken back."
            )
        with writing(root, "mx undo", policy):
            todo = undoing.plan(root, merge=merge)
            if not policy.json:
                console.err(f"Taking back {todo.title()}.")
            outcome, code = applying.carry_out(todo, policy, title=todo.command)
            if policy.json:
                console.out(applying.as_json(outcome, todo.changes))
        return code

    return answering(policy, work)
