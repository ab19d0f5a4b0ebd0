"""All that is wrong with what is installed: what `mx plugins --check` tells. Imports everything that plugins announce."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mxdev.errors import MxError
from mxdev.plugins import catalog, defaults, filters, registry
from mxdev.plugins.model import Announced, Plugin

if TYPE_CHECKING:
    from mxdev.generator.generator import Generator


def problems(plugin: Plugin, rule: Callable[[Announced], object]) -> Iterator[str]:
    """What is wrong with one plugin, a line each; `rule` makes a lint rule of what is announced."""
    if plugin.error is not None:
        yield plugin.error
        return
    for hook, entries in plugin.entries.items():
        for entry in entries:
            try:
                if hook == "mx_generators":
                    yield from _generator(catalog.load(entry))
                elif hook == "mx_lint_rules":
                    rule(entry)
                elif hook == "mx_template_filters":
                    yield from _filter(entry)
                elif hook == "mx_standards":
                    entry.load()
                else:
                    yield from _command(entry)
            except MxError as error:
                yield error.message
    yield from (f"mx has no hook {hook}" for hook in plugin.unknown)
    yield from _defaults(plugin)
    yield from _overrides(plugin)


def _filter(entry: Announced) -> Iterator[str]:
    if why := filters.taken().get(entry.name):
        yield f"the filter {entry.name} is left out: {why}"
    if not callable(entry.load()):
        yield f"the filter {entry.name} is not a function: {entry.target}"


def _command(entry: Announced) -> Iterator[str]:
    import click

    if not isinstance(entry.load(), click.Command):
        yield f"the command {entry.name} is not a click command: {entry.target}"


def _generator(cls: type[Generator]) -> Iterator[str]:
    """A generator whose requirements nobody has, whose defaults do not fit, or that hides an option of what it requires."""
    import click

    from mxdev.generator.options import REQUIRED

    for need in cls.requires:
        if not _is_there(need):
            yield f"{cls.__name__} requires {need}, and no generator that is installed is called so or plays that role"
    for option in cls.declared():
        if option.default is REQUIRED or callable(option.default):
            continue
        try:
            option.convert(option.default)
        except click.BadParameter as error:
            yield f"{cls.__name__}: the default of {option.spelling} is wrong: {error.message}"
    shared = {
        name
        for needed in _required(cls)
        for option in needed.declared()
        if option.shared
        for name in option.names
    }
    for option in cls.declared():
        if not option.shared and not option.positional and option.name in shared:
            yield (
                f"{cls.__name__}: {option.spelling} hides the project's option of that name, which templates see as "
                f"project.{option.key}"
            )


def _is_there(need: str) -> bool:
    if catalog.is_role(need):
        return bool(catalog.players(need))
    try:
        catalog.find(need)
    except MxError:
        return False
    return True


def _required(cls: type[Generator]) -> Iterator[type[Generator]]:
    for need in cls.requires:
        try:
            entries = catalog.players(need) if catalog.is_role(need) else [catalog.find(need)]
            yield from (catalog.load(entry) for entry in entries)
        except MxError:
            continue


def _all_generators() -> dict[str, type[Generator]]:
    found = {}
    for entry in catalog.available().values():
        try:
            found[catalog.folded(entry.name)] = catalog.load(entry)
        except MxError:
            continue
    return found


def _defaults(plugin: Plugin) -> Iterator[str]:
    """Values for options that no generator has."""
    values = defaults.flat(plugin.data.get("mx_defaults", {}))
    if not values:
        return
    generators = _all_generators()
    names = {head: {name for o in cls.declared() for name in o.names} for head, cls in generators.items()}
    for key in values:
        head, dot, option = key.rpartition(".")
        if dot and head not in names:
            yield f"mx_defaults has a value for {key}, and there is no generator {head}"
        elif option not in (names[head] if dot else set().union(*names.values())):
            yield f"mx_defaults has a value for {key}, and {head or 'no generator'} has {'no' if dot else 'an'} option of that name"


def _overrides(plugin: Plugin) -> Iterator[str]:
    """Folders that are not there, and templates that stand for nothing."""
    overrides = plugin.data.get("mx_template_overrides", {})
    generators = _all_generators() if overrides else {}
    for name, folder in overrides.items():
        place, cls = Path(folder), generators.get(catalog.folded(name))
        if cls is None:
            yield f"mx_template_overrides stands for templates of {name}, and there is no generator of that name"
        if not place.is_dir():
            yield f"mx_template_overrides names the folder {folder}, which is not there"
        elif cls is not None:
            yield from (f"{path} stands for no template of {name}" for path in sorted(_unused(place, cls)))


def _unused(folder: Path, cls: type[Generator]) -> Iterator[Path]:
    import sys

    base = Path(sys.modules[cls.__module__].__file__ or "").parent
    for path in folder.rglob("*"):
        key = path.relative_to(folder)
        ours = (base / "templates" / key).is_file() or (base / key).is_file()
        if path.is_file() and not ours and "__pycache__" not in key.parts:
            yield path


def everything(rule: Callable[[Announced], object]) -> dict[str, list[str]]:
    """By plugin, what is wrong; plugins in order with nothing wrong have an empty list.

    Args:
        rule: makes a lint rule of what is announced; raises MxError for what is not one.
    """
    return {str(plugin): list(problems(plugin, rule)) for plugin in registry.looked_at_again()}
