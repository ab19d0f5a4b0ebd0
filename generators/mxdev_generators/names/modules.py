"""The type of an argument that names something in a project: a module, its test, its configuration, its entry point."""

from __future__ import annotations

from collections.abc import Sequence

from mxdev.generator import Pattern
from mxdev_generators.names import rules

_LENGTH = 30


def module_name(ending: str, concerned: Sequence[rules.Rule] = rules.MODULE_NAME) -> Pattern:
    """Snake case, and nothing that a project has already.

    Args:
        ending: what is added to make another name of one that is refused, such as "_step".
        concerned: the rules of the tools that the name goes to.
    """
    return Pattern(
        r"(?=.{2,30}$)[a-z](?:_?[a-z0-9])*",
        "2 to 30 lower-case letters, digits and single underscores, beginning with a letter (it names a module)",
        metavar="NAME",
        check=lambda name: rules.refusal(name, concerned, longest=_LENGTH, ending=ending),
    )
