"""`mx diff`: a person's edits against what was rendered, as a patch."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from mxdev.commands.planning import complete_instances, instance_names

if TYPE_CHECKING:
    from mxdev.project import Project


@click.command()
@click.argument("instances", nargs=-1, shell_complete=complete_instances)
@click.option(
    "--template",
    is_flag=True,
    help="Print instead how the templates that you or a plugin override have changed since.",
)
def diff(instances: tuple[str, ...], template: bool) -> None:
    """Print your edits of what INSTANCES (default: all) rendered, as a patch that `git apply` takes."""
    from mxdev import console, patch
    from mxdev.project import Project, project_root

    project = Project.load(project_root())
    names = instance_names(project, instances) or list(project.instances)
    if template:
        _templates(project, names)
        return
    for piece in patch.of(project, [project.instances[name] for name in names]):
        if console.coloured(sys.stdout):
            console.diff(piece)
        else:
            # Bytes, not lines: a patch carries its own line ends.
            sys.stdout.buffer.write(piece.encode("utf-8"))


def _templates(project: Project, names: list[str]) -> None:
    """How overridden templates have changed since their overrides were written."""
    from mxdev import console, template_overrides, updating
    from mxdev.plan import Wishes

    for name in names:
        plan = updating.update(project, [name], Wishes(), updating.Notes(), downgrade=False)
        for text in template_overrides.differences(plan, name):
            console.diff(text)
