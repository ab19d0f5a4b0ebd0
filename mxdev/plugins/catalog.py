"""Generator names: lookup, spellings, suggestions, order by `requires`."""

from __future__ import annotations

import contextlib
import heapq
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from mxdev.errors import MxError, UsageProblem
from mxdev.plugins import registry
from mxdev.plugins.model import Announced

if TYPE_CHECKING:
    from mxdev.generator.generator import Generator

_ONE_WORD = ("GitHub", "GitLab", "DevSpace", "MLflow")


def dashed(name: str) -> str:
    """`MLProjectSkeleton` as `ml-project-skeleton`, `GitLabCI` as `gitlab-ci`: the spelling of a generator's name in the docs."""
    for trade_mark in _ONE_WORD:
        name = name.replace(trade_mark, trade_mark.capitalize())
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def folded(name: str) -> str:
    """A generator's name without capitals and dashes: what all its spellings have in common (`gitlab-ci`, `GitLabCI`)."""
    return re.sub(r"[-_ ]", "", name).lower()


def available() -> dict[str, Announced]:
    """All generators by the name they answer to: the bare name, or `dist/Name` where two have the same."""
    found: dict[str, list[Announced]] = {}
    for entry in registry.entries("mx_generators"):
        found.setdefault(folded(entry.name), []).append(entry)
    names: dict[str, Announced] = {}
    for same in found.values():
        for entry in same:
            names[entry.name if len(same) == 1 else f"{entry.dist}/{entry.name}"] = entry
    return names


def find(name: str) -> Announced:
    """The generator called `name`, in any spelling (`GitLabCI`, `gitlab-ci`, `gitlabci`), or formerly called so.

    Raises:
        UsageProblem: there is none, or two plugins have one; the message suggests the nearest.
    """
    names = available()
    dist, _, bare = name.rpartition("/")
    for known, entry in names.items():
        home, _, plain = known.rpartition("/")
        if folded(plain) == folded(bare) and dist in (home, entry.dist):
            return entry
    clashing = [known for known in names if "/" in known and folded(known.rpartition("/")[2]) == folded(bare)]
    if clashing:
        raise UsageProblem(
            f"{name} is in more than one plugin: {', '.join(clashing)}.",
            hint="Name the one you mean in full.",
        )
    for entry in names.values():
        # Only the class knows its old names, so all are asked, once nothing else is left.
        with contextlib.suppress(MxError):
            if dist in ("", entry.dist) and folded(bare) in map(folded, load(entry).formerly):
                return entry
    import difflib

    near = difflib.get_close_matches(dashed(bare), [dashed(known) for known in names], n=1, cutoff=0.5)
    suggestion = next((known for known in names if near and dashed(known) == near[0]), None)
    hint = f"Did you mean {suggestion}?" if suggestion else "`mx generate` lists the generators."
    raise UsageProblem(f"There is no generator called {name}.", hint=hint)


def is_role(need: str) -> bool:
    """Whether a requirement names a role: roles are in lower case, generators begin with a capital."""
    return need[:1].islower()


def players(role: str) -> list[Announced]:
    """The generators that play a role, in order of their names. Imports all of them."""
    found = []
    for entry in available().values():
        with contextlib.suppress(MxError):
            if role in load(entry).provides:
                found.append(entry)
    return found


def load(entry: Announced) -> type[Generator]:
    """Import a generator's class.

    Raises:
        MxError: the plugin is broken or what it announced is not a generator.
    """
    from mxdev.generator.declaration import problems
    from mxdev.generator.generator import Generator

    cls = entry.load()
    if not (isinstance(cls, type) and issubclass(cls, Generator)):
        raise MxError(f"{entry.name} of the plugin {entry.dist} is not a generator: {entry.target}")
    if wrong := list(problems(cls)):
        raise MxError(
            f"{entry.name} of the plugin {entry.dist} {entry.version} is declared wrongly ({entry.target}):\n"
            + "\n".join(f"  {problem}" for problem in wrong),
            hint=f"Report it to the authors of {entry.dist}.",
        )
    cls.plugin, cls.plugin_version = entry.dist, entry.version
    return cls


def load_recorded(name: str, plugin: str) -> type[Generator]:
    """The class of a generator that a project's record names; it may have been renamed since.

    Raises:
        MxError: neither the plugin nor another one has it any more.
    """
    for known in (f"{plugin}/{name}", name):  # its own plugin's, else that of a distribution it moved to
        try:
            entry = find(known)
        except UsageProblem:
            continue
        return load(entry)
    home = next((known for known in registry.installed() if known.dist == plugin), None)
    if home is not None and home.error is not None:
        raise MxError(
            f"The plugin {home}, which renders {name}, is broken: {home.error}",
            hint=f"Report it to the authors of {plugin}, or install another version.",
        )
    if home is not None:
        raise MxError(
            f"The plugin {plugin} has no generator {name} any more.",
            hint="Install a version that has it, or leave what it rendered as it is.",
        )
    raise MxError(
        f"The plugin {plugin}, which renders {name}, is not installed.", hint=f"Run `pip install {plugin}`."
    )


def by_requirements(names: Iterable[str], requires: Callable[[str], Sequence[str]]) -> list[str]:
    """`names` in an order of their own: what is required first, then by name; independent of arrival.

    Args:
        names: instances or generators.
        requires: what each of them requires; names that are not in `names` are ignored.

    Raises:
        MxError: they require each other in a circle.
    """
    left = set(names)
    missing = {name: left.intersection(requires(name)) for name in left}
    waiting: dict[str, list[str]] = {}
    for name in sorted(left):
        for need in missing[name]:
            waiting.setdefault(need, []).append(name)
    ready, done = sorted(name for name in left if not missing[name]), []
    while ready:
        name = heapq.heappop(ready)
        done.append(name)
        for other in waiting.get(name, ()):
            missing[other].discard(name)
            if not missing[other]:
                heapq.heappush(ready, other)
    if len(done) < len(left):
        raise MxError(f"these require each other in a circle: {', '.join(sorted(left.difference(done)))}")
    return done
