"""`mx generate NAME` of each generator as an attribute, so that a page can show the options of the command itself."""

from __future__ import annotations

import click

from mxdev.commands.generate import generate


def __getattr__(name: str) -> click.Command:
    """The command of the generator called `name`. AttributeError if there is none.

    Sphinx asks for names of its own too (`__path__`), which are no generators.
    """
    found = None if name.startswith("_") else generate.get_command(click.Context(generate), name)  # type: ignore[attr-defined,unused-ignore]
    if found is None:
        raise AttributeError(name)
    return found
