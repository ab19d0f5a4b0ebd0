"""What all commands that plan have in common: their options, the lock around them, and their JSON answer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from mxdev import applying, console
from mxdev.applying import Policy, Work
from mxdev.errors import MxError, Refused
from mxdev.project import Project, project_root

PLAN_OPTIONS = (
    click.Option(
        ["--dry-run", "--pretend", "dry_run"], is_flag=True, help="Show the plan; write nothing, ask nothing."
    ),
    click.Option(["--diff"], is_flag=True, help="Show the plan with the changes of each file."),
    click.Option(["--json", "json"], is_flag=True, help="Print one JSON object, and ask nothing."),
    click.Option(["--no-input"], is_flag=True, help="Ask nothing; take defaults."),
    click.Option(
        ["--on-conflict"],
        type=click.Choice(["keep", "overwrite", "merge"]),
        help="What to do with files that you and the generator both changed; merge writes conflict markers.",
    ),
)
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
    return Policy(
        **{name: parameters.pop(name) for name in ("on_conflict", "dry_run", "diff", "json", "no_input")}
    )


@contextlib.contextmanager
def writing(root: Path, title: str, policy: Policy) -> Iterator[None]:
    """Hold the lock, after an interrupted run was finished. A dry run takes no lock and cannot finish one.

    Raises:
        Refused: another command holds the lock, or the interrupted run cannot be finished.
    """
    from mxdev import journal, lock

    if policy.dry_run:
        if journal.pending(root) is not None:
            raise Refused(
                f"A run in {root} was interrupted, so a plan would not be true.",
                hint="Finish it first: any command that writes does, or `mx recover`.",
            )
        yield
        return
    with lock.hold(root):
        recovery = journal.recover(root)
        for line in recovery.report:
            console.err(line)
        if not recovery.ok:
            raise Refused(f"The interrupted run in {root} could not be finished, so {title} was not begun.")
        yield


def answering(policy: Policy, work: Callable[[], int]) -> int:
    """Call `work`; with `--json` an error is answered as JSON too."""
    try:
        return work()
    except MxError as error:
        if not policy.json:
            raise
        changes = error.changes if isinstance(error, Refused) else ()
        console.out(applying.as_json(applying.outcome_of(error), changes, error))
        return error.code


def change_project(
    title: str, policy: Policy, plan: Callable[[Project], Work], notes: Callable[[], Iterable[str]] = tuple
) -> int:
    """Plan and carry out a change of the project around the current folder; the exit code.

    Args:
        title: the command, for the journal and for messages.
        policy: see `Policy`.
        plan: makes the plan; called with the lock held.
        notes: more lines for a person, after the table.
    """

    def work() -> int:
        root = project_root()
        with writing(root, title, policy):
            todo = plan(Project.load(root))
            outcome, code = applying.carry_out(todo, policy, title=title)
            for line in notes():
                console.err(line)
            if policy.json:
                console.out(applying.as_json(outcome, todo.changes))
        return code

    return answering(policy, work)


def instance_names(project: Project, wanted: Iterable[str]) -> list[str]:
    """The instances that a person named, in either spelling of the generator's name.

    Raises:
        UsageProblem: there is none of that name.
    """
    from mxdev.catalog import dashed
    from mxdev.errors import UsageProblem

    found = []
    for name in wanted:
        head, colon, part = name.partition(":")
        matches = [
            known for known in project.instances
            if dashed(known.partition(":")[0]) == dashed(head) and (not colon or known.partition(":")[2] == part)
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
    from mxdev import catalog

    try:
        cls = catalog.load(catalog.find(generator))
    except MxError:
        return []
    records = [r for r in project.instances.values() if r.generator in (cls.__name__, *cls.formerly)]
    return [r.name for r in records if not part or r.name.partition(":")[2] == part]


def complete_instances(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The project's instances, for a shell; nothing where there is no project."""
    with contextlib.suppress(MxError):
        return [name for name in Project.load(project_root()).instances if name.startswith(incomplete)]
    return []
