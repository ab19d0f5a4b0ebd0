"""Renders the folder of templates that the benchmark wrote beside this module."""

from mxdev import Generator, argument
from mxdev.generator import Pattern

NAME = Pattern("[a-z]+", "lower-case letters")


class Bench(Generator):
    """Forty files of sixty lines."""

    scope = "new"
    arguments = (argument("NAME", type=NAME, help="The name."),)

    def generate(self, tree):
        tree.render("templates")
