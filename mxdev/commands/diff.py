"""`mx diff`: a person's edits against what was rendered, as a patch."""

from __future__ import annotations

import sys

import click

from mxdev.commands.planning import complete_instances, instance_names, project_root


@click.command()
@click.argument("instances", nargs=-1, shell_complete=complete_instances)
def diff(instances: tuple[str, ...]) -> None:
    """Print your edits of what INSTANCES (default: all) rendered, as a patch that `git apply` takes."""
    from mxdev import console, patch
    from mxdev.project import Project

    project = Project.load(project_root())
    names = instance_names(project, instances) or list(project.instances)
    for piece in patch.of(project, [project.instances[name] for name in names]):
        if console.coloured(sys.stdout):
            console.diff(piece)
        else:
            # Bytes, not lines: a patch carries its own line ends.
            sys.stdout.buffer.write(piece.encode("utf-8"))
