"""Every hook of mx. A plugin's module implements those it needs, marked with `mxdev.hookimpl`.

Hooks announce; they do not work. They are called when the index of plugins is built, not at every start,
so what they return must not depend on the current folder, the environment or the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from mxdev.generator import Generator
    from mxdev.plugins import Lazy

hookspec = pluggy.HookspecMarker("mxdev")
hookimpl = pluggy.HookimplMarker("mxdev")


@hookspec
def mx_generators() -> list[type[Generator] | Lazy]:  # type: ignore[empty-body]
    """Generators: the classes, or `lazy("module:Class", "one line of help")` for each."""


@hookspec
def mx_commands() -> list[Any | Lazy]:  # type: ignore[empty-body]
    """Commands under `mx`: click commands, or `lazy("module:command", "one line of help", name="command")`."""


@hookspec
def mx_lint_rules() -> list[Any | Lazy]:  # type: ignore[empty-body]
    """Rules for `mx lint`: `mxdev.lint.rule.Rule` objects, or `lazy("module:rule", "what it checks")`."""
