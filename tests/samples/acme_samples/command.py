"""A command of a plugin."""

import click


@click.command()
@click.option("--name", default="you", help="Whom to greet.")
def hello(name: str) -> int:
    """Say hello."""
    click.echo(f"hello {name}")
    return 0
