"""Finds plugins through a cached index, loads them one by one; a broken one is reported, never fatal.

A plugin is an installed distribution with an entry point in the group `mxdev.v1`; its value names the
module that implements hooks. The index (see `mxdev.plugins.index`) remembers what each plugin announced, so
that a listing, a completion or `--help` imports none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mxdev.plugins.model import Announced, Failed, HookFailed, Plugin, foreign, warn_once


def installed() -> list[Plugin]:
    """All plugins, broken ones included, by distribution name; the built-in one first."""
    from mxdev.plugins.index import load

    return load()


def looked_at_again() -> list[Plugin]:
    """As `installed`, with what the index says of a broken plugin made anew: not every cause is a file that changed."""
    from mxdev.plugins import index

    if any(plugin.error for plugin in installed()):
        index.forget()
        index.load(cached=False)
    return installed()


def entries(hook: str, *, quiet: bool = False) -> Iterator[Announced]:
    """What all working plugins announced for `hook`; each broken plugin is one warning a process, if not `quiet`."""
    for plugin in (one for one in installed() if one.error is None) if quiet else working():
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


def call(hook: str, **arguments: Any) -> Iterator[tuple[Plugin, list[Any], frozenset[str]]]:
    """Call a hook that works, of each plugin that implements it; the results that are not None.

    A plugin gets the arguments that its implementation names; the third value is their names.

    Raises:
        HookFailed: the hook of a plugin raised something; no other plugin is asked any more.
    """
    from importlib import import_module

    from mxdev.plugins.hookspecs import manager_of

    for plugin in working():
        for name in plugin.working.get(hook, ()):
            try:
                with foreign():
                    manager = manager_of(import_module(name), plugin.dist)
                    caller = getattr(manager.hook, hook)
                    results = caller(**arguments)
                    taken = [frozenset(one.argnames) for one in caller.get_hookimpls()]
            except Failed as failure:
                raise HookFailed(plugin, hook, failure) from failure
            yield plugin, results, frozenset(arguments).intersection(*taken)
