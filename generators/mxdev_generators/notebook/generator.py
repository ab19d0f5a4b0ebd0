"""The Notebook generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

from mxdev import Generator, Tree, argument
from mxdev_generators.names.modules import module_name
from mxdev_generators.names.rules import package_name

_GROUP = "project.optional-dependencies.notebook"
# Jupytext opens `notebooks/NAME.py` in JupyterLab as a notebook.
_REQUIREMENTS = '  "jupyterlab>=4.4,<5",\n  "jupytext>=1.17,<2",\n'


class Notebook(Generator):
    """A notebook on the project's data and its trained model, kept as text without outputs."""

    requires = ("MLProjectSkeleton",)
    arguments = (
        argument("NAME", type=module_name("_notebook"), help="The notebook's name, such as explore."),
    )
    instance_argument = "NAME"
    example = "mx generate Notebook explore"

    def variables(self) -> dict[str, Any]:
        """The names that are made from the notebook's and the project's."""
        return {
            **super().variables(),
            "package": package_name(self.values.of_project.name),
        }

    def generate(self, tree: Tree) -> None:
        """Render notebook and test, and add what JupyterLab needs to the group `notebook`."""
        tree.render("templates")
        tree.section("pyproject.toml", f"{self.instance} in {_GROUP}", _REQUIREMENTS)
        tree.section(".gitignore", self.instance, ".ipynb_checkpoints/\n")
        tree.next_step("uv pip install --editable '.[dev,notebook]'", "installs JupyterLab, too")
        tree.next_step("mx flow run", "trains a model, which the notebook loads")
        tree.next_step(
            "jupyter lab notebooks",
            f"then a right click on {self.variables()['name']}.py, Open With, Notebook",
        )
