"""The options that commands which look at the world have."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import click

_OPTIONS = (
    click.option(
        "--dry-run",
        "--pretend",
        "dry_run",
        is_flag=True,
        help="Look and show what would be done; do nothing.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object; ask nothing."),
    click.option("--yes", "-y", is_flag=True, help="Agree to what costs money or destroys something."),
)
_CONFIRM = click.option(
    "--confirm", metavar="NAME", help="The project's name: agree to what is lost, where nobody can type it."
)


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The project's environments, for a shell; nothing where there is no project."""
    from mxdev.errors import MxError
    from mxdev.project import environments
    from mxdev.project.project import project_root
    from mxdev.system.output.visible import harmless

    with contextlib.suppress(MxError):
        found = environments.names(project_root(recovers=True))
        return [name for name in found if name.startswith(incomplete) and harmless(name)]
    return []


def ENVIRONMENT(function: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802
    """Give a command `-E NAME`, as `environment`. An error of it names the commands of that environment."""

    @functools.wraps(function)
    def called(*arguments: Any, environment: str | None, **more: Any) -> Any:
        from mxdev.errors import MxError

        try:
            return function(*arguments, environment=environment, **more)
        except MxError as error:
            from mxdev.project import environments

            raise environments.of_error(error, environment) from error.__cause__

    option = click.option(
        "-E", "--environment", metavar="NAME", shell_complete=_complete,
        help="One of the project's environments, such as staging; see `mx generate Environment`.",
    )  # fmt: skip
    return option(called)


def step_options(*, confirm: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command `--dry-run`, `--json` and `--yes`; it is called with `mode`, a `Mode`.

    Args:
        confirm: also `--confirm NAME`, for commands that have the project's name typed before something is lost.
    """

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def called(
            *arguments: Any, dry_run: bool, as_json: bool, yes: bool, confirm: str | None = None, **more: Any
        ) -> Any:
            from mxdev.steps.runner import Mode

            mode = Mode(dry_run, as_json, yes, confirm, more.get("environment"))
            return function(*arguments, mode=mode, **more)

        for option in reversed((*_OPTIONS, *((_CONFIRM,) if confirm else ()))):
            called = option(called)
        return called

    return wrap
