"""Finds plugins through a cached index, loads them one by one; a broken one is reported, never fatal.

A plugin is an installed distribution with an entry point in the group `mxdev.v1`; its value names the
module that implements hooks. The index (see `mxdev.plugin_index`) remembers what each plugin announced, so
that a listing, a completion or `--help` imports none of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

API = 1
GROUP = f"mxdev.v{API}"
HOOKS = ("mx_generators", "mx_commands", "mx_lint_rules")


@dataclass(frozen=True)
class Lazy:
    """Something a plugin announces without importing it. Made by `lazy`."""

    target: str
    help: str = ""
    name: str = ""


def lazy(target: str, help: str = "", *, name: str | None = None) -> Lazy:
    """Announce `target` ("module:attribute") under `name` (default: the attribute) with one line of help."""
    module, _, attribute = target.partition(":")
    if not module or not attribute:
        raise ValueError(f"lazy({target!r}): write it as 'module:attribute'")
    return Lazy(target, help, name or attribute)


@dataclass(frozen=True)
class Entry:
    """One thing that one plugin announced."""

    name: str
    help: str
    target: str
    dist: str
    version: str

    def load(self) -> Any:
        """Import it.

        Raises:
            MxError: the plugin's module is broken; the message names the distribution.
        """
        from importlib import import_module

        from mxdev.errors import MxError

        module, _, attribute = self.target.partition(":")
        try:
            value: Any = import_module(module)
            for part in attribute.split("."):
                value = getattr(value, part)
        except (Exception, SystemExit) as error:
            raise MxError(
                f"{self.name} of the plugin {self.dist} {self.version} cannot be loaded: "
                f"{type(error).__name__}: {error}",
                hint=f"Report it to the authors of {self.dist}, or uninstall it.",
            ) from error
        return value


@dataclass
class Plugin:
    """One installed plugin and what it announced."""

    dist: str
    version: str
    module: str
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    error: str | None = None


_warned: set[str] = set()


def installed() -> list[Plugin]:
    """All plugins, broken ones included, by distribution name; the built-in one first."""
    from mxdev.plugin_index import load

    return load()


def entries(hook: str) -> Iterator[Entry]:
    """What all working plugins announced for `hook`; each broken plugin is one warning a process."""
    for plugin in installed():
        if plugin.error is None:
            yield from plugin.entries.get(hook, ())
        else:
            warn_once(f"the plugin {plugin.dist} {plugin.version} is left out: {plugin.error}")


def warn_once(text: str) -> None:
    """Say something about the installed plugins, once in a process."""
    from mxdev import console

    # While completing, a shell would show it in the middle of the line that a person is typing.
    if text not in _warned and "_MX_COMPLETE" not in os.environ:
        console.warn(text)
    _warned.add(text)


def lint_rules() -> list[Any]:
    """The rules of all plugins, loaded; one that cannot be loaded is a warning."""
    from mxdev import console
    from mxdev.errors import MxError

    rules = []
    for entry in entries("mx_lint_rules"):
        try:
            rules.append(entry.load())
        except MxError as error:
            console.warn(str(error))
    return rules
