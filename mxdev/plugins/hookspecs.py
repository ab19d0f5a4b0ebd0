"""Every hook of mx. A plugin's module implements those it needs, marked with `mxdev.hookimpl`.

All but `mx_check_plan` and `mx_up_steps` announce; they do not work. They are called when the index of plugins is made, not at every
start, so what they return must not depend on the current folder, the environment or the time.

A hook may get more parameters in a later version of mx: an implementation names those it wants, and is called with
these.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike
    from pathlib import Path

    from mxdev.generator.generator import Generator
    from mxdev.plugins.checked_plan import CheckedPlan
    from mxdev.plugins.model import Lazy

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
    """Rules for `mx lint`: `mxdev.lint.rule.Rule` objects, or `lazy("module:rule", "what it checks", name="rule")`."""


@hookspec
def mx_template_filters() -> list[Callable[..., Any] | Lazy]:  # type: ignore[empty-body]
    """Filters for templates: functions, or `lazy("module:function", name="filter")`.

    A filter is a pure function of the value before the `|` and of its arguments. Of free text it gets plain `str`, and
    what it gives is free text again. Every template may use it, those of other plugins too, so it cannot take the name
    of one of Jinja's filters or of a language's.
    """


@hookspec
def mx_standards() -> list[Any | Lazy]:  # type: ignore[empty-body]
    """Standards that a project is held to, for a plugin that checks them: `lazy("module:STANDARD", "what it asks for")`.

    mx itself checks none. What a standard is, the plugin that checks it says; it gets them by `mxdev.plugins.entries`.
    """


@hookspec
def mx_template_overrides() -> Mapping[str, str | PathLike[str]]:  # type: ignore[empty-body]
    """Templates that stand for those of other generators: the folder of them, by the generator's name.

    The folder mirrors the generator's `templates/`; of a generator that renders another folder, its name stands before.
    """


@hookspec
def mx_defaults() -> Mapping[str, Any]:  # type: ignore[empty-body]
    """A company's values for options, in place of the built-in defaults: by `"option"`, or `"Generator.option"`."""


@hookspec
def mx_check_plan(plan: CheckedPlan) -> str | None:
    """Look at a plan before it is applied (`mxdev.plugins.checked_plan.CheckedPlan`); a reason refuses it, None lets it pass.

    Called by every command that changes a project, in a dry run too, when all conflicts are settled and nothing is
    written yet. An exception refuses the plan as well.
    """


@hookspec
def mx_up_steps(root: Path, environment: str | None) -> Sequence[Any] | None:
    """Steps (`mxdev.Step`) that `mx up` takes in the project `root`, after its deployments; None if the plugin has nothing there.

    `mx down` takes back those that have a way back, before everything else. `environment` is that of `-E`; None: no one was named.
    It exists. An implementation that does not take it is left out when one is named.
    Called whenever one of both commands runs, so the hook makes the steps and asks the world nothing; their names begin with
    the plugin's, such as `acme-mirror`.
    """


def manager_of(module: Any, name: str) -> Any:
    """A plugin manager in which this module alone is registered, so that what it raises is its own."""
    manager = pluggy.PluginManager("mxdev")
    manager.add_hookspecs(sys.modules[__name__])
    manager.register(module, name)
    return manager
