"""The root command; loads commands and plugins lazily, and turns every error into a message and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

import click

from mxdev.errors import BUG, COULD_NOT, DONE, INTERRUPTED, USAGE, MxError, in_words
from mxdev.version import __version__

# name -> (where, help). Nothing of a command is imported before it is called.
COMMANDS = {
    "generate": ("mxdev.commands.generate:generate", "Add a capability to a project, or start one."),
    "update": ("mxdev.commands.update:update", "Render again, and merge with your edits."),
    "set": ("mxdev.commands.set:set_options", "Change options, and update what they reach."),
    "destroy": ("mxdev.commands.destroy:destroy", "Remove what a generator added."),
    "undo": ("mxdev.commands.undo:undo", "Take back the last command that changed something."),
    "status": ("mxdev.commands.status:status", "Show what you changed, and whether an update is waiting."),
    "diff": ("mxdev.commands.diff:diff", "Print your edits as a patch."),
    "adopt": ("mxdev.commands.adopt:adopt", "Move direct edits of devspace.yaml to where updates keep them."),
    "resolve": ("mxdev.commands.resolve:resolve", "Put shared files right after a Git merge."),
}
# Behind the larger capabilities (lint, flow ...), which announce their commands as plugins do: those about mx itself.
ABOUT_MX = {
    "plugins": ("mxdev.commands.plugins:plugins", "List the installed plugins."),
    "recover": ("mxdev.commands.recover:recover", "Finish or take back an interrupted run."),
    "completion": ("mxdev.commands.completion:completion", "Print the completion script of a shell."),
}
HELP = "help"
# The order in which the larger capabilities are listed; one that is not named here comes after them.
LISTED = ("lint", "build", "flow", "up", "down", "infra", "connect", "deploy", "purge", "doctor", "graph")
ALIASES = {"g": "generate"}
# Columns from which on options and what they do stand side by side in a help.
_NARROW = 66
# Their `--json` is a list, not the answer of a plan.
_OTHER_JSON = frozenset(["plugins", "status", "lint", "flow", "doctor", "graph"])


class _Failed(Exception):
    """The command of a plugin raised something that is not an error for a person."""


class _Help(click.HelpFormatter):
    """In a narrow terminal, options stand on lines of their own: what they do would be a column of single words."""

    def write_dl(self, rows: Any, col_max: int = 30, col_spacing: int = 2) -> None:
        """As click's."""
        super().write_dl(rows, col_max if self.width >= _NARROW else 8, col_spacing)


class Root(click.Group):
    """Finds a command by name in the tables, then among what plugins announce."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, mx's own first."""
        return [*own_commands(), *self._of_plugins()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command called `cmd_name`; None if there is none."""
        name = ALIASES.get(cmd_name, cmd_name)
        if target := (COMMANDS | ABOUT_MX).get(name):
            from importlib import import_module

            module, _, attribute = target[0].partition(":")
            command: click.Command = getattr(import_module(module), attribute)
            return command
        entry = _announced().get(name) or self._of_plugins().get(name)
        if entry is None:
            return None
        found = entry.load()
        if not isinstance(found, click.Command):
            raise MxError(f"{name} of the plugin {entry.dist} is not a click command: {entry.target}")
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """As click's; what the command of a plugin raises is not a bug of mx."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, MxError, OSError):
            raise
        except Exception as error:
            entry = self._of_plugins().get(ctx.invoked_subcommand or "")
            if entry is None:
                raise
            raise _Failed(f"{entry.name} of the plugin {entry.dist} {entry.version}") from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with a suggestion for a wrong name."""
        if args and args[0] == HELP:  # `mx help set` is `mx set --help`
            args = [*args[1:], "--help"]
            if len(args) == 1:
                click.echo(ctx.get_help())
                ctx.exit()
        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            import difflib

            near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f" Did you mean {near[0]}?" if near else " `mx --help` lists the commands."
            raise click.UsageError(f"There is no command called {name}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with the help that is known without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(own_commands().items()))
        more = self._of_plugins()
        if more:
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, f"{entry.help} ({entry.dist})") for name, entry in more.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Command names, without importing the commands; options where one is begun."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        helps = own_commands()
        helps |= {name: entry.help for name, entry in self._of_plugins().items()}
        return [
            CompletionItem(name, help=text) for name, text in helps.items() if name.startswith(incomplete)
        ]

    def _of_plugins(self) -> dict[str, Any]:
        from mxdev.plugins import model, registry

        found: dict[str, list[Any]] = {}
        for entry in registry.entries("mx_commands"):
            if entry.dist != model.CORE:
                found.setdefault(entry.name, []).append(entry)
        usable = {}
        taken = {*own_commands(), *ALIASES}
        for name, same in found.items():
            homes = ", ".join(entry.dist for entry in same)
            if name in taken:
                model.warn_once(
                    f"the command {name} of the plugin {homes} is left out: mx has one of that name"
                )
            elif len(same) > 1:
                model.warn_once(f"the command {name} is left out: more than one plugin has it ({homes})")
            else:
                usable[name] = same[0]
        return usable


def _announced() -> dict[str, Any]:
    """The commands that mx's own distribution announces, by name."""
    from mxdev.plugins import model, registry

    found = {entry.name: entry for entry in registry.entries("mx_commands") if entry.dist == model.CORE}
    return {name: found[name] for name in sorted(found, key=lambda name: (*LISTED, name).index(name))}


def own_commands() -> dict[str, str]:
    """The names and the helps of mx's own commands, in the order in which they are listed."""
    helps = {name: help for name, (_, help) in COMMANDS.items()}
    helps |= {name: entry.help for name, entry in _announced().items()}
    return helps | {name: help for name, (_, help) in ABOUT_MX.items()}


def _go(ctx: click.Context, parameter: click.Parameter, folders: tuple[str, ...]) -> tuple[str, ...]:
    """Work in another folder. While a line is completed it is taken as the shell will, and a wrong one is ignored."""
    if not any(folders):
        return folders
    from mxdev.system import directory

    try:
        if ctx.resilient_parsing:
            directory.go(tuple(os.path.expanduser(folder) for folder in folders))  # noqa: PTH111
        else:
            directory.go(folders)
            ctx.call_on_close(directory.come_back)
    except OSError as error:
        if not ctx.resilient_parsing:
            raise click.BadParameter(f"{error.filename}: {error.strerror}.", ctx, parameter) from None
    if os.environ.get("PYTHONPATH"):
        from mxdev.plugins.index import leave_project

        leave_project()
    return folders


def _folders(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    """Let the shell complete folders."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


@click.command(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C", "--directory", multiple=True, metavar="DIR", is_eager=True, expose_value=False, callback=_go,
    shell_complete=_folders, help="Work in DIR instead of the current folder; paths are relative to it.",
)  # fmt: skip
@click.version_option(__version__, "-V", "--version", prog_name="mx", message="%(prog)s %(version)s")
def root() -> None:
    """Generate machine-learning projects whose infrastructure works."""


def main(arguments: list[str] | None = None) -> None:
    """Run mx and end the process with its exit code."""
    _leave_the_current_folder()
    _be_at_home()
    if os.environ.get("PYTHONPATH"):
        from mxdev.plugins.index import leave_project

        leave_project()
    code = run(arguments)
    from mxdev.system import console

    with contextlib.suppress(OSError):  # the code says already that something went wrong
        console.flush()
    sys.exit(code)


def _leave_the_current_folder() -> None:
    """Take the empty and relative entries out of PATH: a program that mx starts may start others by their names, as gcloud does."""
    kept = [part for part in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(part)]  # noqa: PTH117
    os.environ["PATH"] = os.pathsep.join(kept) or os.defpath


def _be_at_home() -> None:
    """Say where the user's folder is where HOME does not: mx and Python look it up, and kubectl takes the current folder for it."""
    if os.name == "posix" and not os.environ.get("HOME"):
        os.environ.pop("HOME", None)
        if (home := os.path.expanduser("~")) != "~":  # noqa: PTH111
            os.environ["HOME"] = home


def run(arguments: list[str] | None = None) -> int:
    """Run mx on `arguments` (default: the command line's); the exit code."""
    from mxdev.system import console

    given = sys.argv[1:] if arguments is None else arguments
    click.Context.formatter_class = _Help
    try:
        result = root.main(arguments, prog_name="mx", standalone_mode=False)
        console.flush()
        return result if isinstance(result, int) else DONE
    except click.exceptions.NoArgsIsHelpError as error:
        console.err(error.format_message())
        return USAGE
    except click.UsageError as error:
        _answer(given, in_words(error.format_message()))
        _show(error)
        return error.exit_code
    except click.ClickException as error:
        _answer(given, error.format_message())
        _show(error)
        return error.exit_code
    except MxError as error:
        _answer(given, str(error))
        console.error(error.message, error.hint)
        return error.code
    except (click.Abort, KeyboardInterrupt):
        _answer(given, "interrupted")
        console.err("\nInterrupted; nothing more was done.")
        return INTERRUPTED
    except click.exceptions.Exit as error:
        return error.exit_code
    except _Failed as failure:
        cause = f"{failure} failed: {type(failure.__cause__).__name__}: {failure.__cause__}"
        _answer(given, cause)
        return _report(cause, COULD_NOT)
    except MemoryError:
        _answer(given, "mx ran out of memory")
        console.error(
            "mx ran out of memory.",
            "Free some, or raise the limit (`ulimit -v`, or that of the container), and run it again.",
        )
        return COULD_NOT
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            where = f"{error.filename}: " if error.filename else ""
            message = f"The system refused something: {where}{error.strerror}."
            _answer(given, message)
            console.error(message)
            return COULD_NOT
        cause = f"{type(error).__name__}: {error}"
        _answer(given, f"a bug in mx: {cause}")
        return _report(f"This is a bug in mx: {cause}", BUG)


def _show(error: click.ClickException) -> None:
    """Print what click says of a command line, as text."""
    import io

    from mxdev.system import console

    said = io.StringIO()
    error.show(file=said)
    usage, _, message = said.getvalue().removesuffix("\n").partition("Error: ")
    if usage.strip():
        console.err(usage.rstrip("\n"))
    console.error(in_words(message))


def _answer(arguments: list[str], message: str) -> None:
    """With `--json`, an error that ended a planning command before it could answer is answered in JSON too."""
    if "--json" not in arguments or _command_of(arguments) in _OTHER_JSON:
        return
    from mxdev.system import console
    from mxdev.workflow import apply

    with contextlib.suppress(OSError):
        console.out(apply.as_json("error", error=MxError(message)))


def _command_of(arguments: list[str]) -> str:
    """The name of the command on a command line; empty: there is none."""
    words = iter(arguments)
    for word in words:
        if word in ("-C", "--directory"):
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""


def _report(cause: str, code: int) -> int:
    """Write what is needed to mend a bug into a file; the screen gets one message."""
    import time
    import traceback

    from mxdev.system import console
    from mxdev.system.files import private
    from mxdev.system.user_dirs import command_line, log_folder

    report = (
        f"mx {__version__}, Python {sys.version}\n{time.strftime('%Y-%m-%dT%H:%M:%S%z')}\n"
        f"{command_line()}  (the values of options are left out)\n\n{traceback.format_exc()}"
    )
    path = log_folder() / time.strftime("bug-%Y%m%d-%H%M%S.log")
    if private.write(path, report.encode("utf-8", "backslashreplace")):
        console.error(cause, f"Report it, and attach {path}.")
    else:
        console.error(cause, f"Report it with this:\n{report}")
    return code
