"""The generator `Template`: any Copier or Cookiecutter template."""

from __future__ import annotations

from dataclasses import replace

from mxdev import argument, option
from mxdev.freetext import reveal
from mxdev.generator import Pattern
from mxdev_generators.template.copier_template import DIRECTORY, CopierTemplate
from mxdev_generators.template.source import name_of


class Template(CopierTemplate):
    """Bring in a Copier or Cookiecutter template, and keep it up to date.

    SOURCE is a Git repository (`gh:owner/name`, `gl:owner/name`, a URL) or a folder. With it, `--help` shows what the
    template asks.
    """

    scope = "anywhere"
    arguments = (replace(argument("SOURCE", help="The template: a Git repository or a folder."), ask=False),)
    options = (
        option(
            "--directory",
            type=DIRECTORY,
            default="",
            help="The folder of the repository that the template is in (Cookiecutter only).",
        ),
        option(
            "--as",
            type=Pattern(r"[A-Za-z0-9_][A-Za-z0-9_-]*", "letters, digits, - and _", metavar="NAME"),
            default=lambda values: name_of(str(reveal(values["directory"] or values["source"]))),
            help="The instance's name, if not the template's.",
        ),
        *CopierTemplate.options,
    )
    instance_argument = "AS"
    example = "mx generate Template gh:acme/service-template --into services/api --project-name api"
