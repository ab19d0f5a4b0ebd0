"""The Sweep generator: what it asks and what it renders."""

from __future__ import annotations

import click

from mxdev import Tree, argument, option
from mxdev_generators.names.modules import module_name
from mxdev_generators.names.named import NamedModule


class Sweep(NamedModule):
    """A search over any value of the trainer's configuration, by many trainings."""

    arguments = (argument("NAME", type=module_name("_search"), help="The search's name, such as search."),)
    options = (
        option("--trials", type=click.IntRange(1, 10_000), default=20, help="How many trainings, unless a run says another number."),
        option("--at-once", type=click.IntRange(1, 64), default=1, help="How many of them at a time."),
    )  # fmt: skip
    example = "mx generate Sweep search --trials 30 --at-once 2"

    def generate(self, tree: Tree) -> None:
        """Render module, configuration and test, and add the entry point and what it needs installed."""
        tree.render("templates")
        values = self.variables()
        name = values["name"]
        tree.section(
            "MLproject",
            f"entry_points.{name}",
            {
                "parameters": {
                    "trials": {"type": "int", "default": values["trials"]},
                    "at_once": {"type": "int", "default": values["at_once"]},
                },
                "command": f"python -m {values['package']}.{name} trials={{trials}} at_once={{at_once}}",
            },
        )
        tree.section("pyproject.toml", f"Sweep:{name} in project.dependencies", '  "optuna>=4.5,<6",\n')
        tree.next_step("mx flow run --setup", "installs Optuna, too")
        tree.next_step(
            f"mx flow run -e {name}", f"searches; src/{values['package']}/conf/{name}.yaml says where"
        )
