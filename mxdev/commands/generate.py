"""`mx generate`: lists generators, or runs one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from mxdev.errors import MxError, UsageProblem
from mxdev.plugins import catalog
from mxdev.system import console


class Generators(click.Group):
    """Makes a command of a generator when one is called; listing imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names that generators answer to."""
        return list(catalog.available())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of one generator.

        Raises:
            UsageProblem: there is none of that name; the message suggests the nearest.
        """
        from mxdev.commands.generator_command import make

        return make(catalog.load(catalog.find(cmd_name)))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, but a wrong name is told with the nearest right one."""
        if args and args[0].startswith("-"):
            raise click.UsageError(
                f"Options come after the generator's name: `mx generate NAME {args[0]}`.", ctx
            )
        from mxdev.commands.generator_command import make, specialised

        generator = specialised(catalog.load(catalog.find(args[0])), args[1:])
        return args[0], make(generator), args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the generators with the help that is known without importing them."""
        names = catalog.available()
        with formatter.section("Generators"):
            formatter.write_dl([(name, entry.help) for name, entry in names.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Generator names, in the spelling that was begun."""
        from click.shell_completion import CompletionItem

        names = {name: entry.help for name, entry in catalog.available().items()}
        if incomplete and incomplete == incomplete.lower():
            names = {catalog.dashed(name): text for name, text in names.items()}
        if not any(name.startswith(incomplete) for name in names):  # `gith` for GitHubActions, `gitlabc`
            begun = catalog.folded(incomplete)
            names = {name: text for name, text in names.items() if catalog.folded(name).startswith(begun)}
            return [CompletionItem(name, help=text) for name, text in names.items()]
        return [
            CompletionItem(name, help=text) for name, text in names.items() if name.startswith(incomplete)
        ]


@click.command(
    cls=Generators,
    invoke_without_command=True,
    subcommand_metavar="[GENERATOR] [OPTIONS]",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.pass_context
def generate(ctx: click.Context) -> None:
    """Add a capability to the project, or start a project.

    Without a name it lists the generators. `mx generate NAME --help` says what one asks and adds.
    """
    if ctx.invoked_subcommand is None:
        _list()


def _list() -> None:
    from mxdev.disk import session
    from mxdev.project.project import Project, find_root

    root = find_root(Path.cwd())
    have: dict[str, int] = {}
    if root is not None:
        session.tell(root)
        try:
            for record in Project.load(root).instances.values():
                have[record.generator] = have.get(record.generator, 0) + 1
        except MxError as error:
            console.warn(str(error))
            root = None
    names = catalog.available()
    if not names:
        raise UsageProblem("No generator is installed.", hint="Install a plugin that brings some.")
    several = len({entry.dist for entry in names.values()}) > 1
    head = ["GENERATOR", *(["PLUGIN"] if several else []), *(["HERE"] if root else []), "WHAT IT ADDS"]
    rows = [
        [
            name,
            *([entry.dist] if several else []),
            *([_times(have.get(entry.name, 0))] if root else []),
            entry.help,
        ]
        for name, entry in names.items()
    ]
    console.table([head, *rows])
    if console.is_terminal(sys.stdout):
        console.out("\n`mx generate NAME --help` says what one asks and adds.")


def _times(count: int) -> str:
    """How often a generator was used in this project."""
    return "-" if not count else "yes" if count == 1 else f"yes ({count})"
