"""The rules that there are: mx's own and those of plugins, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mxdev.errors import MxError, UsageProblem
from mxdev.lint.rule import Rule


@dataclass(frozen=True)
class Known:
    """A rule and where it comes from; `name` is what the person calls it."""

    name: str
    plugin: str
    rule: Rule


def all_rules() -> list[Known]:
    """Every rule; a plugin's rule that cannot be loaded is one warning."""
    from mxdev.plugins import registry
    from mxdev.plugins.model import CORE
    from mxdev.system import console

    found: list[Known] = []
    for entry in registry.entries("mx_lint_rules"):
        try:
            rule = _instance(entry.load(), entry.name)
        except MxError as error:
            console.warn(f"a lint rule of the plugin {entry.dist} is left out: {error.message}")
        else:
            found.append(Known(rule.name, entry.dist, rule))
    own = {known.name for known in found if known.plugin == CORE}
    names = [known.name for known in found]
    return [
        known
        if known.plugin == CORE or (known.name not in own and names.count(known.name) == 1)
        else Known(f"{known.plugin}/{known.name}", known.plugin, known.rule)
        for known in found
    ]


def choose(rules: Sequence[Known], only: Sequence[str], skip: Sequence[str]) -> list[Known]:
    """The rules named in `only` (none named: all) without those in `skip`.

    Raises:
        UsageProblem: there is no rule of that name.
    """
    known = [one.name for one in rules]
    for name in (*only, *skip):
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
            raise UsageProblem(f"There is no lint rule called {name}.", hint=hint)
    return [one for one in rules if (not only or one.name in only) and one.name not in skip]


def _instance(value: Any, name: str) -> Rule:
    """A rule from what a plugin gave: an object, or the class of it."""
    try:
        rule = value() if isinstance(value, type) else value
    except Exception as error:
        raise MxError(f"{name} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(rule, Rule):
        raise MxError(f"{name} is no mxdev.lint.rule.Rule")
    if not rule.name or not rule.name.replace("-", "").isalnum() or rule.name != rule.name.lower():
        raise MxError(f"{name} has the name {rule.name!r}; use lower case, digits and dashes")
    return rule
