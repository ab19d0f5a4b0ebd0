"""The Plugin generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

from mxdev import Generator, Tree, argument, option
from mxdev.generator import Pattern
from mxdev_generators.names import rules
from mxdev_generators.names.rules import package_name

_NAME_LENGTH = 40


def _stem(name: str) -> str:
    """What the plugin's command and rule are called: `acme` for `acme-mx`."""
    return name.removeprefix("mx-").removesuffix("-mx").removesuffix("-plugin") or name


def _problem(name: str) -> str | None:
    from mxdev.cli import ALIASES, own_commands

    stem = _stem(name)
    if refusal := rules.refusal(name, rules.PLUGIN_NAME, longest=_NAME_LENGTH, ending="-mx"):
        return refusal
    if not stem[0].isalpha():
        return f"{stem!r} is to be the plugin's command, and begins with no letter"
    if stem in own_commands() or stem in ALIASES:
        return f"its command would be {stem!r}, which mx has already"
    return None


NAME = Pattern(
    r"(?=.{2,40}$)[a-z]([a-z0-9]|-(?=[a-z0-9]))*",
    "2 to 40 lower-case letters, digits and single dashes, such as acme-mx",
    metavar="NAME",
    check=_problem,
)


class Plugin(Generator):
    """A plugin for mx, with a generator, a command and a lint rule, ready to publish."""

    scope = "new"
    arguments = (argument("NAME", type=NAME, help="The distribution's name, such as acme-mx.", shared=True),)
    options = (
        option("--description", default="A plugin for mx.", help="What it is for, in one sentence.",
               ask=True, shared=True),
        option("--skip-git", is_flag=True, help="Do not run `git init` where there is no repository."),
    )  # fmt: skip
    example = 'mx generate Plugin acme-mx --description "What all of Acme\'s projects need."'

    def variables(self) -> dict[str, Any]:
        """The options, and the names that are made from them."""
        name = str(self.values.name)
        stem = _stem(name)
        return {
            **super().variables(),
            "package": package_name(name),
            "stem": stem,
            "function": package_name(stem),
            "camel": "".join(part.capitalize() for part in stem.split("-")),
        }

    def generate(self, tree: Tree) -> None:
        """Render the distribution."""
        tree.render("templates")
        if not self.values.skip_git:
            tree.repository()
        tree.next_step("python -m venv .venv")
        tree.next_step(
            ".venv/bin/pip install --editable '.[dev]'",
            "installs it, and mx from your package index; where that has none, see the README",
        )
        tree.next_step(".venv/bin/pytest", "runs its tests")
        tree.next_step(".venv/bin/mx plugins", "shows what it adds")
