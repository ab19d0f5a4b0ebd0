"""The filters that plugins add to templates. None is imported before a template uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mxdev.errors import MxError
from mxdev.plugins import model, registry
from mxdev.plugins.model import Announced


def known_to(dist: str) -> dict[str, Callable[..., Any]]:
    """The filters that templates of the plugin `dist` may use beside Jinja's and those of languages, by name.

    Of two equal names the plugin's own counts; of two of others neither does, and it is said.
    """
    found: dict[str, list[Announced]] = {}
    for entry in registry.entries("mx_template_filters"):
        found.setdefault(entry.name, []).append(entry)
    if not found:
        return {}
    unusable = taken()
    usable: dict[str, Callable[..., Any]] = {}
    for name, same in found.items():
        own = [entry for entry in same if entry.dist == dist]
        homes = ", ".join(entry.dist for entry in same)
        if name in unusable:
            model.warn_once(f"the filter {name} of the plugin {homes} is left out: {unusable[name]}")
        elif own or len(same) == 1:
            usable[name] = _once_used((own or same)[0])
        else:
            model.warn_once(f"the filter {name} is left out: more than one plugin has it ({homes})")
    return usable


def taken() -> dict[str, str]:
    """The names that no filter of a plugin may have, each with the reason."""
    from jinja2.filters import FILTERS as DEFAULT_FILTERS

    from mxdev.generator.languages import FILTERS

    return {
        **dict.fromkeys(DEFAULT_FILTERS, "Jinja has one of that name"),
        **dict.fromkeys(FILTERS, "it is the filter of a language, which no plugin may replace"),
    }


def _once_used(entry: Announced) -> Callable[..., Any]:
    """The filter, imported when it is called; what it raises names its plugin."""
    loaded: list[Callable[..., Any]] = []

    def call(*args: Any, **keywords: Any) -> Any:
        if not loaded:
            loaded.append(entry.load())
        try:
            return loaded[0](*args, **keywords)
        except Exception as error:
            raise MxError(
                f"the filter {entry.name} of the plugin {entry.dist} {entry.version} failed: "
                f"{type(error).__name__}: {error}"
            ) from error

    return call
