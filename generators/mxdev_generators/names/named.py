"""What adds a named part to the project's package: a module, its test, its configuration."""

from __future__ import annotations

from typing import Any

from mxdev import Generator
from mxdev_generators.names.rules import package_name


class NamedModule(Generator):
    """A generator with an argument NAME, whose templates know the project's package."""

    requires = ("MLProjectSkeleton",)
    instance_argument = "NAME"

    def variables(self) -> dict[str, Any]:
        """The names that are made from the part's and the project's."""
        return {**super().variables(), "package": package_name(self.values.of_project.name)}
