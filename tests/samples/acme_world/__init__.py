"""Generators that render what a test tells them; see tests/changing.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import click

from mxdev import Generator, Tree, argument, hookimpl, lazy, option
from mxdev.generator.freetext import reveal
from mxdev.generator.options import Pattern

NAME = Pattern(r"[a-z][a-z0-9-]*", "lower-case letters, digits and dashes")


@dataclass
class Spec:
    """What a generator renders: `@option@` in a text is replaced by that option's value."""

    files: dict[str, Any] = field(default_factory=dict)
    sections: list[tuple[str, str, Any]] = field(default_factory=list)


SPECS: dict[str, Spec] = {}


def fill(value: Any, generator: Generator) -> Any:
    if isinstance(value, dict):
        return {fill(key, generator): fill(item, generator) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, generator) for item in value]
    if isinstance(value, str):
        short = generator.instance.partition(":")[2]
        value = value.replace("@short@", short).replace("@instance@", generator.instance)
        for name, found in generator.values.items():
            if value == f"@{name}@" and isinstance(found, int):
                return found
            value = value.replace(f"@{name}@", str(reveal(found)))
    return value


class World(Generator):
    """Renders its spec."""

    def generate(self, tree: Tree) -> None:
        spec = SPECS.get(type(self).__name__, Spec())
        for path, content in spec.files.items():
            data, executable = content if isinstance(content, tuple) else (content, False)
            tree.file(fill(path, self), fill(data, self), executable=executable)
        for path, address, value in spec.sections:
            tree.section(path, fill(address, self), fill(value, self))


class WorldBase(World):
    """Start a project."""

    scope = "new"
    arguments = (argument("NAME", type=NAME, help="The project's name.", shared=True),)
    options = (
        option("--region", type=NAME, default="west", help="Where.", shared=True),
        option("--client", default="", help="For whom.", shared=True),
        option("--size", type=click.IntRange(1, 99), default=1, help="How large."),
        option("--tag", multiple=True, help="Tags."),
    )


class WorldApp(World):
    """As many as you like."""

    requires = ("WorldBase",)
    arguments = (argument("NAME", type=NAME, help="The app's name."),)
    options = (option("--port", type=int, default=80, help="Where it listens."),)
    instance_argument = "NAME"


class WorldExtra(World):
    """One more."""

    requires = ("WorldBase",)
    options = (option("--level", type=int, default=1, help="How much."),)


class WorldTop(World):
    """Requires what requires."""

    requires = ("WorldExtra",)


@hookimpl
def mx_generators() -> list[object]:
    classes = (WorldBase, WorldApp, WorldExtra, WorldTop)
    return [lazy(f"acme_world:{cls.__name__}", cls.summary()) for cls in classes]
