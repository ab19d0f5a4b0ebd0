"""The options that all commands made of steps have."""

from __future__ import annotations

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

            return function(*arguments, mode=Mode(dry_run, as_json, yes, confirm), **more)

        for option in reversed((*_OPTIONS, *((_CONFIRM,) if confirm else ()))):
            called = option(called)
        return called

    return wrap
