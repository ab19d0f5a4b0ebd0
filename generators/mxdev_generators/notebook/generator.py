"""The Notebook generator: what it asks and what it renders."""

from __future__ import annotations

from mxdev import Tree, argument
from mxdev_generators.names.modules import module_name
from mxdev_generators.names.named import NamedModule

_GROUP = "project.optional-dependencies.notebook"
# Jupytext opens `notebooks/NAME.py` in JupyterLab as a notebook.
_REQUIREMENTS = '  "jupyterlab>=4.4,<5",\n  "jupytext>=1.17,<2",\n'


class Notebook(NamedModule):
    """A notebook on the project's data and its trained model, kept as text without outputs."""

    arguments = (
        argument("NAME", type=module_name("_notebook"), help="The notebook's name, such as explore."),
    )
    example = "mx generate Notebook explore"

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
