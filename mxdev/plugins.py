"""Finds plugins through a cached index, loads them one by one; a broken one is reported, never fatal.

A plugin is an installed distribution with an entry point in the group `mxdev.v1`; its value names the
module that implements hooks. The index (see `mxdev.plugin_index`) remembers what each plugin announced, so
that a listing, a completion or `--help` imports none of them.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

API = 1
GROUP = f"mxdev.v{API}"
# Hooks that announce things by name, and hooks that give plain data; the index holds what both return.
HOOKS = ("mx_generators", "mx_commands", "mx_lint_rules", "mx_template_filters")
DATA_HOOKS = ("mx_template_overrides", "mx_defaults")
# A hook of a plugin is called at work, so that its module is imported then.
WORKING_HOOKS = ("mx_check_plan",)
# Seconds. A plugin's module announces; what takes longer to import belongs behind `lazy`.
SLOW = 0.5


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
            with foreign():
                value: Any = import_module(module)
                for part in attribute.split("."):
                    value = getattr(value, part)
        except Failed as failure:
            raise MxError(
                f"{self.name} of the plugin {self.dist} {self.version} cannot be loaded: {failure}",
                hint=f"Report it to the authors of {self.dist}, or uninstall it.",
            ) from failure
        return value


@dataclass
class Plugin:
    """One installed plugin and what it announced.

    Attributes:
        dist: its distribution's name.
        version: its distribution's version.
        module: the module that implements its hooks, the first if there are several.
        entries: what it announced, by hook.
        data: what its hooks for plain data returned, by hook.
        working: the modules whose hooks are called at work, by hook.
        unknown: hooks that it implements and that this mx does not have.
        seconds: how long its module took to import.
        error: why it is left out.
    """

    dist: str
    version: str
    module: str
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    data: dict[str, dict[str, Any]] = field(default_factory=dict)
    working: dict[str, list[str]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    seconds: float = 0.0
    error: str | None = None

    def __str__(self) -> str:
        return f"{self.dist} {self.version}"


class Failed(Exception):
    """A plugin's code raised something; the text says what, on one line."""


class HookFailed(Exception):
    """A plugin's hook raised something."""

    def __init__(self, plugin: Plugin, hook: str, failure: Failed) -> None:
        super().__init__(f"{hook} of the plugin {plugin} failed: {failure}")
        self.plugin = plugin


@contextlib.contextmanager
def foreign() -> Iterator[None]:
    """Around code of a plugin that answers mx: what it prints is talk, and goes to stderr.

    Raises:
        Failed: whatever it raised, `SystemExit` and the panics of extension modules too, but for ^C.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise Failed(" ".join(f"{type(error).__name__}: {error}".split())) from error


_warned: set[str] = set()


def installed() -> list[Plugin]:
    """All plugins, broken ones included, by distribution name; the built-in one first."""
    from mxdev.plugin_index import load

    return load()


def looked_at_again() -> list[Plugin]:
    """As `installed`, with what the index says of a broken plugin made anew: not every cause is a file that changed."""
    from mxdev import plugin_index

    if any(plugin.error for plugin in installed()):
        plugin_index.forget()
        plugin_index.load(cached=False)
    return installed()


def entries(hook: str) -> Iterator[Entry]:
    """What all working plugins announced for `hook`; each broken plugin is one warning a process."""
    for plugin in working():
        yield from plugin.entries.get(hook, ())


def working() -> Iterator[Plugin]:
    """The plugins that are not broken; each broken one is one warning a process."""
    for plugin in installed():
        if plugin.error is None:
            yield plugin
        else:
            warn_once(f"the plugin {plugin} is left out: {plugin.error}")


def data(hook: str) -> Iterator[tuple[Plugin, dict[str, Any]]]:
    """What each working plugin gave for a hook of plain data."""
    for plugin in working():
        if plugin.data.get(hook):
            yield plugin, plugin.data[hook]


def call(hook: str, **arguments: Any) -> Iterator[tuple[Plugin, list[Any]]]:
    """Call a hook that works, of each plugin that implements it; the results that are not None.

    A plugin gets the arguments that its implementation names.

    Raises:
        HookFailed: the hook of a plugin raised something; no other plugin is asked any more.
    """
    from importlib import import_module

    for plugin in working():
        for name in plugin.working.get(hook, ()):
            try:
                with foreign():
                    manager = manager_of(import_module(name), plugin.dist)
                    results = getattr(manager.hook, hook)(**arguments)
            except Failed as failure:
                raise HookFailed(plugin, hook, failure) from failure
            yield plugin, results


def manager_of(module: Any, name: str) -> Any:
    """A plugin manager in which this module alone is registered, so that what it raises is its own."""
    import pluggy

    from mxdev import hookspecs

    manager = pluggy.PluginManager("mxdev")
    manager.add_hookspecs(hookspecs)
    manager.register(module, name)
    return manager


def warn_once(text: str) -> None:
    """Say something about the installed plugins, once in a process."""
    from mxdev import console

    # While completing, a shell would show it in the middle of the line that a person is typing.
    if text not in _warned and "_MX_COMPLETE" not in os.environ:
        console.warn(text)
    _warned.add(text)
