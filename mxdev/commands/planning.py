"""What all commands that plan have in common: their options, and the names of instances."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from mxdev.errors import MxError

if TYPE_CHECKING:
    from mxdev.project.project import Project
    from mxdev.workflow.apply import Policy

_HARMLESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+@/-]*")
PLAN_OPTIONS = (
    click.Option(
        ["--dry-run", "--pretend", "dry_run"], is_flag=True, help="Show the plan; write nothing, ask nothing."
    ),
    click.Option(
        ["--diff"], is_flag=True, help="Show the plan with the changes of each file; write nothing."
    ),
    click.Option(["--json", "json"], is_flag=True, help="Print one JSON object, and ask nothing."),
    click.Option(["--no-input"], is_flag=True, help="Ask nothing; take defaults."),
    click.Option(
        ["--on-conflict"],
        type=click.Choice(["keep", "overwrite", "merge"]),
        help="What to do with files that you and the generator both changed; merge writes conflict markers.",
    ),
    click.Option(
        ["-v", "--verbose", "verbose"], is_flag=True, help="Show also the files that stay as they are."
    ),
)
_POLICY = ("on_conflict", "dry_run", "diff", "json", "no_input", "verbose")
DOWNGRADE = click.Option(
    ["--allow-downgrade"], is_flag=True, help="Render with an older version than the one that rendered last."
)


def with_options(*options: click.Option) -> Callable[[click.Command], click.Command]:
    """Add options to a command that is already made."""

    def add(command: click.Command) -> click.Command:
        command.params.extend(options)
        return command

    return add


def policy_of(parameters: dict[str, Any]) -> Policy:
    """Take the plan's options out of a command's parameters."""
    from mxdev.workflow.apply import Policy

    given = {name: parameters.pop(name, None) for name in _POLICY}
    return Policy(**{**given, "dry_run": given["dry_run"] or given["diff"]})


def instance_names(project: Project, wanted: Iterable[str]) -> list[str]:
    """The instances that a person named, in either spelling of the generator's name.

    Raises:
        UsageProblem: there is none of that name.
    """
    from mxdev.errors import UsageProblem
    from mxdev.plugins.catalog import folded

    found = []
    for name in wanted:
        head, colon, part = name.partition(":")
        matches = [
            known for known in project.instances
            if folded(known.partition(":")[0]) == folded(head) and (not colon or known.partition(":")[2] == part)
        ]  # fmt: skip
        matches = matches or _renamed(project, head, part)
        if len(matches) > 1:
            raise UsageProblem(f"{name} is used more than once here: name one of {', '.join(matches)}.")
        if not matches:
            have = ", ".join(project.instances) or "none"
            raise UsageProblem(f"This project has no {name}.", hint=f"It has: {have}.")
        found.append(matches[0])
    return found


def _renamed(project: Project, generator: str, part: str) -> list[str]:
    """The instances of a generator whose name changed: a record may still have the old one."""
    from mxdev.plugins import catalog

    try:
        cls = catalog.load(catalog.find(generator))
    except MxError:
        return []
    records = [r for r in project.instances.values() if r.generator in (cls.__name__, *cls.formerly)]
    return [r.name for r in records if not part or r.name.partition(":")[2] == part]


def complete_instances(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The project's instances, for a shell; nothing where there is no project.

    A shell puts what is offered into the line that the next Return runs, so only names without any meaning to it are.
    """
    from mxdev.project.project import Project, project_root

    with contextlib.suppress(MxError):  # and not a word, whatever waits there
        names = Project.load(project_root(recovers=True)).instances
        return [name for name in names if name.startswith(incomplete) and _HARMLESS.fullmatch(name)]
    return []
