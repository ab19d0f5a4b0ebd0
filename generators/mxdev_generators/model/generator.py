"""The Model generator: what it asks and what it renders."""

from __future__ import annotations

from mxdev import Tree, argument
from mxdev_generators.names.modules import module_name
from mxdev_generators.names.named import NamedModule


class Model(NamedModule):
    """A network beside the task's own, with its sizes in the configuration."""

    arguments = (argument("NAME", type=module_name("_net"), help="The model's name, such as wide."),)
    example = "mx generate Model wide"

    def generate(self, tree: Tree) -> None:
        """Render module, configuration and test, and add the entry point to MLproject."""
        tree.render("templates")
        values = self.variables()
        name, package = values["name"], values["package"]
        tree.section(
            "MLproject",
            f"entry_points.{name}",
            {
                "parameters": {"batch": {"type": "int", "default": 64}},
                "command": f"python -m {package}.{name} batch={{batch}}",
            },
        )
        tree.next_step(
            f"mx flow run -e {name}", "counts its parameters and times a step, on your task's inputs"
        )
        tree.next_step(
            f"$EDITOR src/{package}/task.py", f"has the task use it; src/{package}/{name}.py says how"
        )
