"""The Notebook generator: what it asks and what it renders."""

from __future__ import annotations

from mxdev import Tree, argument
from mxdev.generator import Values
from mxdev_generators.names.modules import module_name
from mxdev_generators.names.named import NamedModule
from mxdev_generators.names.rules import SCRIPT_NAME, package_name

_GROUP = "project.optional-dependencies.notebook"
# Jupytext opens `notebooks/NAME.py` in JupyterLab as a notebook.
_REQUIREMENTS = '  "jupyterlab>=4.4,<5",\n  "jupytext>=1.17,<2",\n'


class Notebook(NamedModule):
    """A notebook on the project's data and its trained model, kept as text without outputs."""

    arguments = (
        argument(
            "NAME",
            type=module_name("_notebook", concerned=SCRIPT_NAME),
            help="The notebook's name, such as explore.",
        ),
    )
    example = "mx generate Notebook explore"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """A notebook called like the project's package would be imported in its place."""
        if values.name != package_name(values.of_project.name):
            return []
        return [
            f"{values.name!r} cannot be the name: notebooks import the project's package, which is called {values.name}, too. "
            f"Take another, such as {values.name}_notebook."
        ]

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
