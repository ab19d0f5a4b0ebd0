"""The Dataset generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

from mxdev import Tree, argument, option
from mxdev.generator import Pattern
from mxdev_generators.names.modules import module_name
from mxdev_generators.names.named import NamedModule

PATH = Pattern(
    r"(?:/?[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*)?",
    "a path such as data/customers.csv, of letters, digits, dots, dashes and underscores",
    metavar="PATH",
)
COLUMN = Pattern(
    r"[A-Za-z_][A-Za-z0-9_]{0,29}",
    "up to 30 letters, digits and underscores, such as left",
    metavar="COLUMN",
)


class Dataset(NamedModule):
    """A table of your own in a CSV file: read, checked, divided, described."""

    arguments = (argument("NAME", type=module_name("_table"), help="The dataset's name, such as customers."),)
    options = (
        option("--path", type=PATH, default="", help="The file, from the project's root; empty: data/NAME.csv."),
        option("--target", type=COLUMN, default="target", help="The column that is to be predicted."),
    )  # fmt: skip
    example = "mx generate Dataset customers --path data/customers.csv --target left"

    def variables(self) -> dict[str, Any]:
        """The names that are made from the dataset's and the project's, and the file."""
        values = super().variables()
        return {
            **values,
            "path": values["path"] or f"data/{values['name']}.csv",
        }

    def generate(self, tree: Tree) -> None:
        """Render module, configuration and test, and add the entry point to MLproject."""
        tree.render("templates")
        values = self.variables()
        name, path = values["name"], values["path"]
        tree.section(
            "MLproject",
            f"entry_points.{name}",
            {
                "parameters": {"path": {"type": "string", "default": path}},
                "command": f"python -m {values['package']}.data.{name} dataset.path={{path}}",
            },
        )
        tree.next_step(f"mx flow run -e {name}", f"checks {path}, once it is there, and logs what is in it")
