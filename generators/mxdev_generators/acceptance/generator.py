"""The Acceptance generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

import click

from mxdev import Generator, Tree, option
from mxdev.generator import Pattern
from mxdev_generators.names.rules import package_name
from mxdev_generators.served.names import ALIAS, MODEL

METRIC = Pattern(
    r"[A-Za-z_][A-Za-z0-9_]{0,62}", "a metric of the evaluation, such as accuracy or loss", metavar="METRIC"
)


class Acceptance(Generator):
    """A gate for trained models: the candidate is compared with the accepted one on the same test data."""

    requires = ("MLProjectSkeleton",)
    options = (
        option("--model", type=MODEL, default="", help="The registered model; empty: it is called as the project."),
        option("--candidate", type=ALIAS, default="candidate", help="The alias of the version that is decided on."),
        option("--accepted", type=ALIAS, default="champion", help="The alias that an accepted version gets."),
        option("--metric", type=METRIC, default="loss", help="What is compared: a metric of the evaluation."),
        option("--better", type=click.Choice(["less", "more"]), default="less", help="Which value of it is better."),
        option("--decide", type=click.Choice(["rule", "person"]), default="rule",
               help="rule: a candidate that is no worse is accepted; person: it waits until somebody says yes."),
    )  # fmt: skip
    example = "mx generate Acceptance --metric accuracy --better more"

    def variables(self) -> dict[str, Any]:
        """The names that are made from the project's."""
        values = super().variables()
        project = self.values.of_project
        return {**values, "package": package_name(project.name), "model": values["model"] or project.name}

    def generate(self, tree: Tree) -> None:
        """Render module, configuration and test, and add the entry point to MLproject."""
        tree.render("templates")
        values = self.variables()
        tree.section(
            "MLproject",
            "entry_points.accept",
            {
                "parameters": {
                    "decide": {"type": "string", "default": values["decide"]},
                    "train": {"type": "string", "default": "never"},
                },
                "command": f"python -m {values['package']}.acceptance decide={{decide}} train={{train}}",
            },
        )
        tree.next_step(
            f"python -m {values['package']}.trainer registry.registered_model_name={values['model']}",
            f"trains a model, and registers it with the alias {values['candidate']}",
        )
        tree.next_step(
            "mx flow run -e accept", "compares it with the accepted one, and accepts or refuses it"
        )
