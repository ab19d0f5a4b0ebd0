"""A generator with all kinds of options, files, a program and sections."""

from __future__ import annotations

import click

from mxdev import Generator, Tree, argument, option
from mxdev.generator.languages import to_md
from mxdev.generator.options import Pattern

LABEL = Pattern(r"[a-z]([a-z0-9-]*[a-z0-9])?", "lower-case letters, digits and dashes", metavar="NAME")


class SampleBase(Generator):
    """Start a sample project."""

    scope = "new"
    arguments = (argument("NAME", type=LABEL, help="The project's name.", shared=True),)
    options = (
        option("--description", default="A sample.", help="What it is for.", ask=True, shared=True),
        option(
            "--region", type=LABEL, default=lambda values: f"{values['name']}-1", help="Where.", shared=True
        ),
        option("--size", type=click.IntRange(1, 9), default=1, help="How large."),
        option("--kind", type=click.Choice(["small", "large"]), default="small", help="Which."),
        option("--tag", multiple=True, help="Tags."),
        option("--token", secret=True, default="", help="A password."),
        option("--quiet", is_flag=True, help="Less."),
    )
    example = "mx generate SampleBase demo"

    def generate(self, tree: Tree) -> None:
        tree.render("templates_base")
        tree.section("shared.yaml", "name", self.values.name)
        tree.section("shared.yaml", "base.size", self.values.size)
        tree.section(
            "notes.txt", self.instance, f"region {self.values.region}\n{to_md(self.values.description)}"
        )
        tree.next_step("mx lint", "checks it")
