"""The type of an argument that names something in a project: a module, its test, its configuration, its entry point."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mxdev.generator import Pattern
from mxdev_generators.names import rules

_LENGTH = 30


def module_name(
    ending: str,
    taken: Callable[[str], str | None] = lambda name: None,
    *,
    concerned: Sequence[rules.Rule] | None = None,
) -> Pattern:
    """Snake case, and nothing that a project has already.

    Args:
        ending: what is added to make another name of one that is refused, such as "_step".
        taken: what else is wrong with a name that such a module has, as the end of a sentence; None: nothing.
        concerned: the rules of the tools that the name goes to; by default a module's.
    """

    def check(name: str) -> str | None:
        found = rules.Rule("the project's layout", "what the module's name goes to besides", taken)
        own = rules.MODULE_NAME if concerned is None else concerned
        return rules.refusal(name, (*own, found), longest=_LENGTH, ending=ending)

    return Pattern(
        r"(?=.{2,30}$)[a-z](?:_?[a-z0-9])*",
        "2 to 30 lower-case letters, digits and single underscores, beginning with a letter (it names a module)",
        metavar="NAME",
        check=check,
    )
