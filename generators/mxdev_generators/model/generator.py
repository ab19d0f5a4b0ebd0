"""The Model generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

from mxdev import Generator, Tree, argument
from mxdev_generators.names.modules import module_name
from mxdev_generators.names.rules import package_name


class Model(Generator):
    """A network beside the task's own, with its sizes in the configuration."""

    requires = ("MLProjectSkeleton",)
    arguments = (argument("NAME", type=module_name("_net"), help="The model's name, such as wide."),)
    instance_argument = "NAME"
    example = "mx generate Model wide"

    def variables(self) -> dict[str, Any]:
        """The names that are made from the model's and the project's."""
        return {
            **super().variables(),
            "package": package_name(self.values.of_project.name),
        }

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
