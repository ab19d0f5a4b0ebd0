"""The one way by which a command changes a project: lock and recover, plan, settle, show, check, apply, answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from mxdev.disk.journal_format import Operation
from mxdev.disk.session import writing
from mxdev.errors import MxError
from mxdev.plan.model import Plan, Work
from mxdev.plan.operations import operations as of_plan
from mxdev.project import missing
from mxdev.project.project import Project, project_root
from mxdev.system import console
from mxdev.workflow import apply
from mxdev.workflow.apply import Outcome, Policy

W = TypeVar("W", bound=Work)


def change_project(title: str, policy: Policy, plan: Callable[[Project], Plan]) -> int:
    """Plan and carry out a change of the project around the current folder; the exit code.

    Args:
        title: the command, for the journal and for messages.
        policy: see `Policy`.
        plan: makes the plan; called with the lock held.
    """
    return answering(policy, lambda: change(
        project_root(recovers=True), title, policy, lambda root: plan(whole_project(root)), of_plan
    ))  # fmt: skip


def whole_project(root: Path) -> Project:
    """The project in `root`, with all its records.

    Raises:
        MxError: it cannot be read, or a record is missing.
    """
    project = Project.load(root)
    missing.check(project)
    return project


def change(
    root: Path,
    title: str,
    policy: Policy,
    plan: Callable[[Path], W],
    operations: Callable[[W], Sequence[Operation]],
    *,
    titled: Callable[[W], str] | None = None,
) -> int:
    """Plan and carry out any work in `root`; the exit code.

    Args:
        root: the project's folder.
        title: the command, for messages and, without `titled`, for the journal.
        policy: see `Policy`.
        plan: makes the work; called with the lock held.
        operations: what the work does to the disk, once it is settled.
        titled: what the journal calls the work.
    """
    with writing(root, title, dry_run=policy.dry_run):
        work = plan(root)
        outcome = apply.carry_out(work, operations, policy, title=titled(work) if titled else title)
        return said(outcome, lambda: answer(outcome, work, policy))


def said(outcome: Outcome, tell: Callable[[], int]) -> int:
    """Call `tell`, which says what was done; where that cannot be printed, say at least that it was.

    Raises:
        MxError: stdout cannot be written to. What was applied stays applied.
    """
    try:
        code = tell()
        console.flush()
    except OSError as error:
        if outcome.name not in ("applied", "markers"):
            raise
        raise MxError(
            f"The plan was applied, and the files are changed, but the answer could not be printed: {error.strerror}.",
            hint="`mx status` shows how the project is now; `mx undo` takes the plan back.",
        ) from error
    return code


def answer(outcome: Outcome, work: Work, policy: Policy) -> int:
    """Say what is to be said when the work is done, or refused; the exit code."""
    notes, outcome = outcome.error is None, _with_failures(outcome, work)
    if notes:
        for line in work.notes:
            console.err(line)
    if policy.json:
        console.out(apply.as_json(outcome.name, work.changes, outcome.error))
    elif outcome.error is not None:
        console.error(outcome.error.message, outcome.error.hint)
    return outcome.code


def _with_failures(outcome: Outcome, work: Work) -> Outcome:
    """What was done, if some instances could not be rendered: nothing that did all it was asked for."""
    failed: Mapping[str, MxError] = getattr(work, "failed", {})
    if not failed or outcome.error is not None:
        return outcome
    lines = "\n".join(f"{name} is left as it is: {error.message}" for name, error in failed.items())
    hints = dict.fromkeys(error.hint for error in failed.values() if error.hint)
    error = MxError(lines, hint="\n".join(hints) or None)
    return outcome._replace(code=outcome.code or error.code, error=error)


def answering(policy: Policy, work: Callable[[], int]) -> int:
    """Call `work`; with `--json` an error is answered as JSON too."""
    try:
        return work()
    except MxError as error:
        if not policy.json:
            raise
        try:
            console.out(apply.as_json(apply.outcome_of(error), (), error))
        except OSError:  # then at least stderr has it
            raise error from None
        return error.code
