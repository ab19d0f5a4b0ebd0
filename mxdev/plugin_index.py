"""The cached index of plugins: what is installed and what each plugin announces.

Scanning the entry points of every installed distribution costs about 0.6 ms for each, and importing plugins
costs what they cost. The index is made once for each state of `sys.path` and kept in the user's cache folder; it
is valid while the folders of `sys.path`, the entry-point files and the plugins' modules have the same mtimes.
A plugin that failed is never cached, so that mending it is noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mxdev.places import cache_folder
from mxdev.plugins import API, GROUP, HOOKS, Entry, Lazy, Plugin

FORMAT = 1
_loaded: list[Plugin] | None = None


def load() -> list[Plugin]:
    """The index, from memory, from its cache, or made anew."""
    global _loaded
    if _loaded is None:
        path, key = _cache_place()
        _loaded = _read(path, key)
        if _loaded is None:
            _loaded, watched = _scan()
            if all(plugin.error is None for plugin in _loaded):
                _write(path, key, _loaded, watched)
    return _loaded


def forget() -> None:
    """Drop the index from memory (for tests that install plugins into the running process)."""
    global _loaded
    _loaded = None


def _stamp(path: str) -> list[int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 (the hot path of every start)
    except OSError:
        return None
    return [status.st_mtime_ns, status.st_size]


def _cache_place() -> tuple[Path, str]:
    folders = [(folder, _stamp(folder or ".")) for folder in sys.path if folder]
    key = json.dumps([FORMAT, API, sys.version_info[:3], folders], default=str)
    where = hashlib.sha256(json.dumps([sys.prefix, sys.path]).encode()).hexdigest()[:16]
    return cache_folder() / f"plugins-{where}.json", hashlib.sha256(key.encode()).hexdigest()


def _read(path: Path, key: str) -> list[Plugin] | None:
    try:
        data = json.loads(path.read_bytes())
        if data["key"] != key or any(_stamp(file) != stamp for file, stamp in data["watched"]):
            return None
        return [
            Plugin(item["dist"], item["version"], item["module"],
                   {hook: [Entry(**entry) for entry in found] for hook, found in item["entries"].items()})
            for item in data["plugins"]
        ]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, key: str, plugins: list[Plugin], watched: list[str]) -> None:
    import tempfile

    data = {
        "key": key,
        "watched": [(file, _stamp(file)) for file in watched],
        "plugins": [asdict(plugin) for plugin in plugins],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file)
        Path(name).replace(path)
    except OSError:
        return  # A cache that cannot be written only costs time.


def _scan() -> tuple[list[Plugin], list[str]]:
    """Every plugin, announced by import, and the files whose change makes the index stale."""
    from importlib.metadata import distributions

    plugins: dict[str, Plugin] = {}
    watched: list[str] = []
    for dist in distributions():
        text = dist.read_text("entry_points.txt") or ""
        if "mxdev." not in text:
            continue
        location = getattr(dist, "_path", None)
        name, version, points = Path(str(location)).name, "?", []
        torn = None
        try:
            name, version = dist.metadata["Name"] or name, dist.version
            points = list(dist.entry_points)
        except Exception as error:  # by an interrupted installation, or by hand
            torn = Plugin(name, version, "", error=f"its metadata cannot be read: {error}")
        if name in plugins:
            continue  # An older copy further down sys.path, hidden by the first.
        if torn is not None:
            plugins[name] = torn
        if location is not None:
            watched.append(str(Path(location) / "entry_points.txt"))
        for point in points:
            if point.group == GROUP:
                plugin = plugins.get(name)
                if plugin is None or plugin.error is not None:
                    plugin = plugins[name] = Plugin(name, version, point.value)
                watched += _announce(plugin, point.value)
                if plugin.error is not None:
                    break
            elif point.group.startswith("mxdev.v") and name not in plugins:
                plugins[name] = Plugin(name, version, point.value, error=(
                    f"it is written for version {point.group.removeprefix('mxdev.v')} of mx's plugin interface and "
                    f"this mx has version {API}; update mx or install another version of it"
                ))  # fmt: skip
    found = sorted(plugins.values(), key=lambda plugin: (plugin.dist != "mx-devtool", plugin.dist.lower()))
    return found, watched


def _announce(plugin: Plugin, name: str) -> list[str]:
    """Import the plugin's module, call its hooks, note what they return; the files that were imported for it."""
    from importlib import import_module

    import pluggy

    from mxdev import hookspecs

    try:
        module = import_module(name)
        manager = pluggy.PluginManager("mxdev")
        manager.add_hookspecs(hookspecs)
        manager.register(module, plugin.dist)
        for hook in HOOKS:
            plugin.entries.setdefault(hook, []).extend(
                _entry(item, plugin, module)
                for result in getattr(manager.hook, hook)()
                for item in result or ()
            )
    except (Exception, SystemExit) as error:  # A plugin may raise anything; none of it may stop mx.
        plugin.error = " ".join(f"{type(error).__name__}: {error}".split())
        return []
    # Its other modules too: the list that a hook returns may stand in any of them.
    family = name.partition(".")[0]
    files = [
        getattr(found, "__file__", None)
        for known, found in list(sys.modules.items())
        if known == family or known.startswith(family + ".")
    ]
    return [file for file in files if file]


def _entry(item: Any, plugin: Plugin, module: Any) -> Entry:
    if isinstance(item, Lazy):
        return Entry(item.name, item.help, item.target, plugin.dist, plugin.version)
    name = getattr(item, "name", None) or item.__name__
    summary = (getattr(item, "help", None) or item.__doc__ or "").strip().partition("\n")[0]
    here = next((key for key, value in vars(module).items() if value is item), None)
    target = f"{module.__name__}:{here}" if here else f"{item.__module__}:{item.__qualname__}"
    return Entry(name, summary, target, plugin.dist, plugin.version)
