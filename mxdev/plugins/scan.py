"""Makes the index of plugins: looks at every installed distribution, imports the plugins among them, notes what they announce.

Only what is installed counts: no distribution is taken from the project or the current folder, unless the Python
environment itself lies there.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mxdev.plugins.hookspecs import manager_of
from mxdev.plugins.model import (
    API,
    CORE,
    DATA_HOOKS,
    GROUP,
    HOOKS,
    SLOW,
    WORKING_HOOKS,
    Announced,
    Failed,
    Lazy,
    Plugin,
    foreign,
    warn_once,
)


def scan(folders: list[str]) -> tuple[list[Plugin], list[str]]:
    """Every plugin in these folders, announced by import, and the files whose change makes the index stale."""
    from importlib.metadata import distributions

    plugins: dict[str, Plugin] = {}
    watched: list[str] = []
    for dist in distributions(path=folders):
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
            watched += [str(file) for file in Path(str(location)).glob("*")]
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
    found = sorted(plugins.values(), key=lambda plugin: (plugin.dist != CORE, plugin.dist.lower()))
    return found, watched


def _announce(plugin: Plugin, name: str) -> list[str]:
    """Import the plugin's module, call its hooks, note what they return; the files whose change makes that stale."""
    try:
        if ":" in name:
            raise Failed(f"its entry point names {name}; name the module alone: {name.partition(':')[0]}")
        with foreign():  # A plugin may raise anything; none of it may stop mx.
            _ask(plugin, name)
    except Failed as failure:
        plugin.error = str(failure)
        return list(_sources(name))
    if plugin.seconds > SLOW:
        warn_once(
            f"the plugin {plugin} takes {plugin.seconds:.1f} s to import, whenever the index of plugins is made; "
            "its authors can put what takes long behind `lazy`"
        )
    # Its other modules too: the list that a hook returns may stand in any of them.
    family = name.partition(".")[0]
    files = [
        getattr(found, "__file__", None)
        for known, found in list(sys.modules.items())
        if known == family or known.startswith(family + ".")
    ]
    return [file for file in files if file]


def _ask(plugin: Plugin, name: str) -> None:
    from importlib import import_module

    from mxdev.plugins import hookspecs  # noqa: F401 (so that its import counts for no plugin)

    began = time.perf_counter()
    module = import_module(name)
    plugin.seconds += time.perf_counter() - began
    manager = manager_of(module, plugin.dist)
    for hook in HOOKS:
        with _naming(hook, module):
            for result in getattr(manager.hook, hook)():
                plugin.entries.setdefault(hook, []).extend(
                    _entry(item, plugin, module) for item in _list(result)
                )
        plugin.entries.setdefault(hook, [])
    for hook in DATA_HOOKS:
        with _naming(hook, module):
            for result in getattr(manager.hook, hook)():
                plugin.data.setdefault(hook, {}).update(_plain(result, hook, module))
    implemented = {caller.name for caller in manager.get_hookcallers(module) or ()}
    for hook in implemented.intersection(WORKING_HOOKS):
        plugin.working.setdefault(hook, []).append(name)
    plugin.unknown += sorted(implemented - {*HOOKS, *DATA_HOOKS, *WORKING_HOOKS})


@contextlib.contextmanager
def _naming(hook: str, module: Any) -> Iterator[None]:
    """What goes wrong with a hook is told with its name, and where it is defined."""
    try:
        yield
    except Exception as error:
        code = getattr(getattr(module, hook, None), "__code__", None)
        error.add_note(f"{hook} ({code.co_filename}:{code.co_firstlineno})" if code else hook)
        raise


def _list(result: Any) -> list[Any] | tuple[Any, ...]:
    if result is None:
        return ()
    if not isinstance(result, list | tuple):
        raise TypeError(f"it gives {type(result).__name__}, and a list is wanted")
    return result


def _sources(name: str) -> Iterator[str]:
    """The modules and folders of a package that could not be imported: one of them changes when it is mended."""
    from importlib.util import find_spec

    spec, parts = None, name.partition(":")[0].split(".")
    for end in range(1, len(parts) + 1):
        try:
            spec = find_spec(".".join(parts[:end]))
        except (ImportError, ValueError):
            return
        if spec is None or spec.origin is not None:
            break  # above it there are only namespace packages, which belong to nobody
    if spec is None:
        return
    if spec.origin is not None:
        yield spec.origin
    for folder in map(Path, spec.submodule_search_locations or ()):
        yield str(folder)
        yield from (str(path) for path in folder.rglob("*") if path.is_dir() or path.suffix == ".py")


def _plain(result: Any, hook: str, module: Any) -> dict[str, Any]:
    """Plain data as the index can hold it; paths relative to the module become absolute."""
    if result is None:
        return {}
    if not isinstance(result, Mapping) or not all(isinstance(key, str) for key in result):
        raise TypeError(f"{hook} gives {type(result).__name__}, and a mapping by name is wanted")
    if hook == "mx_template_overrides":
        base = Path(module.__file__ or "").parent
        return {key: str(base / folder) for key, folder in result.items()}
    try:
        data: dict[str, Any] = json.loads(json.dumps(dict(result), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{hook} gives what is not text, number, flag or list of these: {error}") from error
    return data


def _entry(item: Any, plugin: Plugin, module: Any) -> Announced:
    if isinstance(item, Lazy):
        return Announced(item.name, item.help, item.target, plugin.dist, plugin.version)
    name = getattr(item, "name", None) or getattr(item, "__name__", None)
    if not isinstance(name, str):
        raise TypeError(
            f"there is {item!r} in its list, which has no name; announce a class, an object with a name, or `lazy`"
        )
    texts = (
        getattr(item, "help", None),
        getattr(item, "summary", None),
        item.__doc__,
    )  # of a command, a rule, the rest
    summary = next((text for text in texts if text and isinstance(text, str)), "").strip()
    here = next((key for key, value in vars(module).items() if value is item), None)
    made = item if hasattr(item, "__qualname__") else type(item)
    if (
        here is None
        and made is not item
        and made.__module__.partition(".")[0] != module.__name__.partition(".")[0]
    ):
        raise TypeError(f"{name} is announced and cannot be found again: give it a name in {module.__name__}")
    target = f"{module.__name__}:{here}" if here else f"{made.__module__}:{made.__qualname__}"
    return Announced(name, summary.partition("\n")[0], target, plugin.dist, plugin.version)
