"""The base class of every generator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol

from mxdev.generator.options import Option, Values
from mxdev.version import __version__

if TYPE_CHECKING:
    from mxdev.generator.tree import Tree

Scope = Literal["project", "new", "anywhere"]
# What is rendered of something that is fetched: the newest there is, the newest that is known without a network, or the
# same as last time.
Freshness = Literal["newest", "known", "recorded"]


class Files(Protocol):
    """The project's folder, as far as a generator that lets another tool render needs it.

    Attributes:
        root: the folder.
    """

    root: Path

    def read(self, path: str) -> bytes | None:
        """The bytes of a file of the project; None if there is no such file."""

    def pristine(self, instance: str, path: str) -> bytes | None:
        """What `instance` rendered last for `path`; None if it is missing or not what the record says."""


class Earlier(Protocol):
    """What is recorded of an instance."""

    @property
    def name(self) -> str:
        """The instance."""

    @property
    def version(self) -> str:
        """The version of the plugin that rendered it last."""

    @property
    def options(self) -> Mapping[str, Any]:
        """As they were recorded, by name."""

    @property
    def files(self) -> Mapping[str, Any]:
        """What it rendered last, by path."""


class Occasion(NamedTuple):
    """Why an instance is rendered, and for whom; see `Generator.generate_on`.

    Attributes:
        project: as it is; None where there is none.
        record: what is recorded of the instance; None for a new one.
        recorded: the options in it, migrated.
        origin: where each value comes from, by option name.
        secrets: the values of secret options, by key.
        ask: a person can be asked.
        freshness: see `Freshness`.
        reading: nothing will be written, so nothing is run to find out what would be.
    """

    project: Files | None = None
    record: Earlier | None = None
    recorded: Mapping[str, Any] = MappingProxyType({})
    origin: Mapping[str, str] = MappingProxyType({})
    secrets: Mapping[str, Any] = MappingProxyType({})
    ask: bool = False
    freshness: Freshness = "recorded"
    reading: bool = False


class Generator:
    """Adds one capability to a project. A pure function of its options: override `generate`.

    It sees its own options, the project's, and those of the generators it requires; never the disk, a clock,
    a random number, the network or another generator's files.

    Attributes:
        requires: what has to be in the project first: names of generators, or roles.
        provides: roles that it plays for those that require one, such as "skeleton"; in lower case.
        arguments: what it takes by position, made by `argument`.
        options: what it asks, made by `option`.
        scope: "project" (the default) adds to the project around the current folder; "new" makes the folder that its first argument
            names; "anywhere" needs no project.
        instance_argument: the argument that names the instance, for a generator that may be used many times; None: once.
        formerly: names that it had before; what they rendered is its own.
        example: a command that `--help` shows.
        plugin: the distribution that it comes from; mx sets it.
        plugin_version: and its version.
        values: the values of the options, those of what it requires and the project's included (`self.values.workers`).
        instance: the name of the instance, such as "StreamlitApp:demo".
    """

    requires: ClassVar[tuple[str, ...]] = ()
    provides: ClassVar[tuple[str, ...]] = ()
    arguments: ClassVar[tuple[Option, ...]] = ()
    options: ClassVar[tuple[Option, ...]] = ()
    scope: ClassVar[Scope] = "project"
    instance_argument: ClassVar[str | None] = None
    formerly: ClassVar[tuple[str, ...]] = ()
    example: ClassVar[str] = ""
    plugin: ClassVar[str] = ""
    plugin_version: ClassVar[str] = "0"

    def __init__(self, values: Values, instance: str) -> None:
        self.values = values
        self.instance = instance

    @classmethod
    def declared(cls) -> tuple[Option, ...]:
        """Arguments, then options."""
        return (*cls.arguments, *cls.options)

    @classmethod
    def specialise(
        cls, options: Mapping[str, Any], freshness: Freshness, recorded: Mapping[str, Any]
    ) -> type[Generator]:
        """The class that declares the options which `options` ask for; a subclass of the same name, or this one.

        For a generator whose options are found elsewhere, in a template for instance.

        Args:
            options: by name, as far as they are known.
            freshness: see `Freshness`.
            recorded: the options of the instance as they are recorded.
        """
        return cls

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (cls.__doc__ or "").strip().partition("\n")[0]

    def variables(self) -> dict[str, Any]:
        """What templates see; a subclass adds derived values to `super().variables()`."""

        return {
            "project": self.values.of_project,
            **self.values,
            "mx_version": __version__,
            "instance": self.instance,
        }

    def generate(self, tree: Tree) -> None:
        """Fill `tree` with files, sections and next steps."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it generates")

    def generate_on(self, tree: Tree, occasion: Occasion) -> None:
        """Fill `tree`, knowing why it is wanted: for a generator that lets another tool render, which needs the files there.

        All others fill it from their values alone, in `generate`.
        """
        self.generate(tree)

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """What is wrong with values that are right one by one, in sentences that name the options; usually nothing."""
        return []

    @classmethod
    def migrate(cls, options: dict[str, Any], from_version: str) -> dict[str, Any]:
        """Options as this version wants them, from those that `from_version` of the plugin recorded."""
        return options
