"""The EntryPoint generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

from mxdev import Generator, Tree, argument
from mxdev.generator import Pattern
from mxdev_generators.names import rules
from mxdev_generators.names.rules import package_name

_LENGTH = 30


def _problem(name: str) -> str | None:
    return rules.refusal(name, rules.MODULE_NAME, longest=_LENGTH, ending="_step")


NAME = Pattern(
    r"(?=.{2,30}$)[a-z](?:_?[a-z0-9])*",
    "2 to 30 lower-case letters, digits and single underscores, beginning with a letter (it names a module)",
    metavar="NAME",
    check=_problem,
)


class EntryPoint(Generator):
    """A command of the project beside the trainer: module, configuration, test."""

    requires = ("MLProjectSkeleton",)
    arguments = (argument("NAME", type=NAME, help="The entry point's name, such as report."),)
    instance_argument = "NAME"
    example = "mx generate EntryPoint report"

    def variables(self) -> dict[str, Any]:
        """The names that are made from the entry point's and the project's."""
        name = str(self.values.name)
        return {
            **super().variables(),
            "package": package_name(self.values.of_project.name),
            "imported": ", ".join(sorted([name, "tracking"])),
        }

    def generate(self, tree: Tree) -> None:
        """Render module, configuration and test, and add the entry point to MLproject."""
        tree.render("templates")
        values = self.variables()
        name = values["name"]
        tree.section(
            "MLproject",
            f"entry_points.{name}",
            {
                "parameters": {"part": {"type": "string", "default": "test"}},
                "command": f"python -m {values['package']}.{name} part={{part}}",
            },
        )
        tree.next_step(f"mx flow run -e {name}", "runs it as it is: it counts the test data")
