"""The rules that there are: mx's own and those of plugins, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mxdev.errors import MxError, UsageProblem
from mxdev.lint.rule import Rule

if TYPE_CHECKING:
    from mxdev.plugins.model import Announced


@dataclass(frozen=True)
class Known:
    """A rule and where it comes from.

    Attributes:
        name: what the person calls it.
        plugin: the distribution that it comes from.
        rule: what checks.
        problem: why it cannot be run; then `rule` only says so.
    """

    name: str
    plugin: str
    rule: Rule
    problem: str = ""


class _Absent(Rule):
    """Stands for a rule that cannot be loaded."""

    def __init__(self, name: str, problem: str) -> None:
        self.name, self.summary = name, f"cannot be loaded: {problem}"


def all_rules() -> list[Known]:
    """Every rule. One that cannot be loaded is there too, with the reason; so is a plugin that cannot be imported, by its own name.

    Which rules such a plugin has nobody knows, so that it counts as one that has no result.
    """
    from mxdev.plugins import registry
    from mxdev.plugins.model import CORE

    found: list[Known] = []
    for entry in registry.entries("mx_lint_rules", quiet=True):
        try:
            rule = load(entry)
        except MxError as error:
            found.append(_absent(entry.name, entry.dist, error.message))
        else:
            found.append(Known(rule.name, entry.dist, rule))
    own = {known.name for known in found if known.plugin == CORE}
    names = [known.name for known in found]
    known = [
        known
        if known.plugin == CORE or (known.name not in own and names.count(known.name) == 1)
        else replace(known, name=f"{known.plugin}/{known.name}")
        for known in found
    ]
    return known + [
        _absent(plugin.dist, plugin.dist, f"its rules, if it has any, were not run: {plugin.error}")
        for plugin in registry.installed()
        if plugin.error is not None
    ]


def _absent(name: str, plugin: str, problem: str) -> Known:
    return Known(name, plugin, _Absent(name, problem), problem)


def choose(rules: Sequence[Known], only: Sequence[str], skip: Sequence[str]) -> list[Known]:
    """The rules named in `only` (none named: all) without those in `skip`.

    Raises:
        UsageProblem: there is no rule of that name.
        MxError: there may be one, in a plugin that cannot be imported.
    """
    known = [one.name for one in rules]
    for name in (*only, *skip):
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, n=1)
            unknown = [one for one in rules if one.problem and one.name == one.plugin]
            if unknown:
                plugins = "\n".join(f"  {one.plugin}: {one.problem}" for one in unknown)
                raise MxError(
                    f"No plugin that can be imported has a lint rule called {name}. These may have it:\n{plugins}",
                    hint=f"Did you mean {near[0]}?" if near else "`mx plugins` says what is wrong with them.",
                )
            hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
            raise UsageProblem(f"There is no lint rule called {name}.", hint=hint)
    return [one for one in rules if (not only or one.name in only) and one.name not in skip]


def load(entry: Announced) -> Rule:
    """A rule from what a plugin announces: an object, or the class of it.

    Raises:
        MxError: it cannot be imported or made, it is not a rule, or its name cannot be that of one.
    """
    from mxdev.plugins.model import Failed, foreign

    value, name = entry.load(), entry.name
    try:
        with foreign():
            rule = value() if isinstance(value, type) else value
    except Failed as failure:
        raise MxError(f"{name} cannot be made: {failure}") from failure
    if not isinstance(rule, Rule):
        raise MxError(f"{name} is not an mxdev.lint.rule.Rule")
    if not rule.name or not rule.name.replace("-", "").isalnum() or rule.name != rule.name.lower():
        raise MxError(f"{name} has the name {rule.name!r}; use lower case, digits and dashes")
    return rule
