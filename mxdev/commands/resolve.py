"""`mx resolve`: put shared files right after a Git merge."""

from __future__ import annotations

import click

from mxdev.commands.planning import project_root, writing
from mxdev.errors import DONE, SAYS_NO


@click.command()
@click.argument("paths", nargs=-1)
def resolve(paths: tuple[str, ...]) -> int:
    """Resolve Git's conflicts in files that generators share (default: all of them), such as devspace.yaml.

    Two branches that ran different generators both grew them. Look at the result, then `git add` it.
    """
    from mxdev import console, journal, resolving
    from mxdev.applying import Policy
    from mxdev.errors import Refused
    from mxdev.journal_file import Operation, State
    from mxdev.project import Project

    root = project_root()
    with writing(root, "mx resolve", Policy()):
        project = Project.load(root)
        todo, refused = [], []
        for path in paths or resolving.shared_paths(project):
            try:
                found = resolving.resolve(project, path)
            except Refused as error:
                refused.append(str(error))
                continue
            if found is not None:
                before, after = found
                was, becomes = (
                    State.of(before.data, before.executable),
                    State.of(after.data, after.executable),
                )
                todo.append(Operation(path, was, becomes, after.data))
        journal.apply(root, todo, title="mx resolve")
    for operation in todo:
        console.out(f"{console.verb('merge')}  {operation.path}")
    for problem in refused:
        console.error(problem)
    if not todo and not refused:
        console.out("There are no conflict markers in the files that generators share here.")
    return SAYS_NO if refused else DONE
