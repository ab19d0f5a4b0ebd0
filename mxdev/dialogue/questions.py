"""Questions for the values of options: each asked until the answer is right, then all of them shown once more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from mxdev.dialogue import choices
from mxdev.errors import Refused
from mxdev.generator.freetext import reveal
from mxdev.generator.options import REQUIRED, Option
from mxdev.plugins import defaults
from mxdev.system import console


class Back(Exception):
    """The person wants to answer the question before again."""


def ask(option: Option, default: Any) -> Any:
    """Ask a person for an option until the answer is right; the answer as typed.

    Raises:
        Back: `<` was answered.
        click.Abort: ^C or the end of input.
    """
    listed = (
        default if isinstance(default, tuple | list) else () if default in (REQUIRED, None) else (default,)
    )
    shown = None if default is REQUIRED else ", ".join(str(reveal(item)) for item in listed)
    values = [str(choice) for choice in option.type.choices] if isinstance(option.type, click.Choice) else []
    question = option.prompt or option.help.rstrip(".")
    # On a list the cursor is always on a value, so what may be left open is typed.
    from_list = bool(values) and not option.multiple and default is not None and choices.movable()
    while True:
        if from_list:
            answer: Any = choices.choose(question, values, shown)
        else:
            among = f" ({', '.join(values)})" if values else ""
            answer = console.ask(f"{question}{among}", shown, hide=option.secret)
        if answer == choices.HELP and (option.prompt or from_list):
            console.err(f"  {option.help} `<` goes back to the question before.")
            continue
        if answer == choices.BACK:
            raise Back
        answer = _as_chosen(option, answer)
        if not answer and default is REQUIRED:
            continue
        if not answer and default is None:
            return None
        if option.multiple:
            answer = [item for part in str(answer).split(",") if (item := part.strip())]
        try:
            option.convert(answer)
        except click.BadParameter as error:
            console.err(f"  {error.message}")
            continue
        return answer


def _as_chosen(option: Option, answer: str) -> str:
    """The choice that is meant, in any case and by its beginning; any other answer as it is."""
    if not isinstance(option.type, click.Choice) or not answer:
        return answer
    values = [str(choice) for choice in option.type.choices]
    meant = [one for one in values if one.lower().startswith(answer.lower())]
    return meant[0] if len(meant) == 1 and answer not in values else answer


def confirm(answers: Mapping[str, Any]) -> None:
    """Show what was answered, by name, and ask once whether that is meant; one answer is not worth it.

    Raises:
        Refused: it is not; nothing was written.
    """
    if len(answers) < 2:
        return
    console.err()
    for name, value in answers.items():
        console.err(f"  {name:<{max(map(len, answers))}}  {defaults.shown(value)}")
    if not console.agreed("Generate it like this?", default=True):
        raise Refused(
            "Nothing was written.", hint="Run it again; options on the command line are not asked for."
        )
