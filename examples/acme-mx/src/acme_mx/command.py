"""The command `mx acme`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
def acme() -> int:
    """Say how the project around the current folder differs from Acme's defaults; exit with 1 if it does."""
    from mxdev.project import Project, find_root

    from acme_mx import DEFAULTS

    root = find_root(Path.cwd())
    if root is None:
        click.echo("This is no project: run it inside one.", err=True)
        return 2
    options = Project.load(root).options
    others = {name: options[name] for name, ours in DEFAULTS.items() if options.get(name) != ours}
    for name, value in others.items():
        click.echo(f"{name}: {value} (Acme's: {DEFAULTS[name]})")
    return 1 if others else 0
