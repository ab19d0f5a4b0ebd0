"""`mx resolve`: put shared files right after a Git merge."""

from __future__ import annotations

import click

from mxdev.commands.planning import writing
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
    from mxdev.plan import Content
    from mxdev.project import Project, project_root

    def operation(path: str, found: tuple[Content, Content]) -> Operation:
        was, becomes = (State.of(side.data, side.executable) for side in found)
        return Operation(path, was, becomes, found[1].data)

    root = project_root()
    done, refused = [], []
    with writing(root, "mx resolve", Policy()):
        if found := resolving.project_file(root):
            # First of all: without it nobody knows what the project is.
            done.append(operation("mx.yaml", found))
            journal.apply(root, done, title="mx resolve")
        project = Project.load(root)
        todo = []
        for path in paths or resolving.shared_paths(project):
            try:
                found = resolving.resolve(project, path)
            except Refused as error:
                refused.append(str(error))
                continue
            if found is not None:
                todo.append(operation(path, found))
        journal.apply(root, todo, title="mx resolve")
    for change in [*done, *todo]:
        console.out(f"{console.verb('merge')}  {change.path}")
    for problem in refused:
        console.error(problem)
    if not done and not todo and not refused:
        console.out("There are no conflict markers in the files that generators share here.")
    return SAYS_NO if refused else DONE
