"""Which generator meets a requirement: it names one, or a role that one plays."""

from __future__ import annotations

from collections.abc import Iterable

from mxdev.errors import MxError, UsageProblem
from mxdev.generator.generator import Generator
from mxdev.plugins import catalog
from mxdev.plugins.model import CORE, Announced
from mxdev.project.project import Project


def player(need: str, project: Project, at_hand: Iterable[type[Generator]] = ()) -> type[Generator]:
    """The generator that meets a requirement: of the run, else of the project, else one that is installed.

    Args:
        need: the name of a generator, or a role.
        project: as it is on disk.
        at_hand: the generators of the run.

    Raises:
        UsageProblem: no generator is called so, or more than one plays the role.
        MxError: nobody plays the role.
    """
    if not catalog.is_role(need):
        return catalog.load(catalog.find(need))
    for cls in at_hand:
        if need in cls.provides:
            return cls
    for record in project.instances.values():
        try:
            cls = catalog.load_recorded(record.generator, record.plugin)
        except MxError:
            continue
        if need in cls.provides:
            return cls
    return catalog.load(_installed(need))


def _installed(role: str) -> Announced:
    found = catalog.players(role)
    if not found:
        raise MxError(f"A {role} is required, and no generator that is installed provides one.")
    chosen = [entry for entry in found if entry.dist == CORE] if len(found) > 1 else found
    if len(chosen) != 1:
        names = ", ".join(entry.name for entry in found)
        raise UsageProblem(
            f"A {role} is required, and more than one generator provides one: {names}.",
            hint=f"Generate the one that you want first: `mx generate {found[0].name}`.",
        )
    return chosen[0]


def spelled(need: str) -> str:
    """A requirement for a person: a role with those that play it."""
    if not catalog.is_role(need):
        return need
    return f"a {need} ({' or '.join(entry.name for entry in catalog.players(need)) or 'none is installed'})"
