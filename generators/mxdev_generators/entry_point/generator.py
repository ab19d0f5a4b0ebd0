"""The EntryPoint generator: what it asks and what it renders."""

from __future__ import annotations

from mxdev import Tree, argument
from mxdev_generators.names.modules import module_name
from mxdev_generators.names.named import NamedModule


class EntryPoint(NamedModule):
    """A command of the project beside the trainer: module, configuration, test."""

    arguments = (argument("NAME", type=module_name("_step"), help="The entry point's name, such as report."),)
    example = "mx generate EntryPoint report"

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
