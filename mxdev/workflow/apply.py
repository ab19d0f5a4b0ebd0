"""From a plan to the disk: questions about conflicts, the table, the journal. The same for every command that plans."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from mxdev.dialogue import conflicts
from mxdev.dialogue.conflicts import Quit
from mxdev.dialogue.show import show, summary
from mxdev.disk.journal_format import Operation
from mxdev.errors import DONE, SAYS_NO, MxError, Refused
from mxdev.plan.model import Change, Resolution, Work
from mxdev.system import console

JSON_VERSION = 1
_FEW = 3


@dataclass(frozen=True)
class Policy:
    """How a plan is carried out; see the options of `mx generate`.

    Attributes:
        on_conflict: what to do with conflicts, without asking.
        dry_run: show the plan, write nothing.
        diff: show the changes of each file; a preview, so nothing is written either.
        json: print one object, and nothing else.
        no_input: ask nothing.
        verbose: show also the files that stay as they are.
        silent: print problems and questions only.
        confirm: the question that is asked before more than a few files are removed; empty: none is.
    """

    on_conflict: Resolution | None = None
    dry_run: bool = False
    diff: bool = False
    json: bool = False
    no_input: bool = False
    verbose: bool = False
    silent: bool = False
    confirm: str = ""

    @property
    def may_ask(self) -> bool:
        """Whether questions are allowed and can be answered."""
        return not (self.no_input or self.json or self.dry_run) and console.can_ask()


def unresolved(work: Work) -> list[Change]:
    """The conflicts that are not settled."""
    return [change for change in work.changes if change.status == "conflict" and change.resolution is None]


def settle(work: Work, policy: Policy) -> None:
    """Resolve conflicts by policy or by asking; some may stay unresolved where nobody can be asked.

    Raises:
        Quit: the person gave up; nothing was written.
        Refused: the policy cannot be carried out for a file.
    """
    for_all: Resolution | None = policy.on_conflict
    open_ones = unresolved(work)
    if open_ones and for_all is None and policy.may_ask:
        console.err(f"The plan: {summary(work.changes)}.")
    for number, change in enumerate(open_ones, 1):
        if for_all is not None:
            change.resolve(for_all)
        elif policy.may_ask:
            for_all = conflicts.ask(change, f"{number} of {len(open_ones)}")


def as_json(outcome: str, changes: Iterable[Change] = (), error: MxError | None = None) -> str:
    """The object that `--json` prints; its form is part of mx's interface."""
    rows: list[dict[str, Any]] = [
        {
            "path": change.path,
            "status": change.status,
            "resolution": change.resolution,
            "generator": ", ".join(change.generators),
            "plugin": ", ".join(change.plugins),
        }
        for change in changes
    ]
    message = None if error is None else str(error)
    # In ASCII, so that it can be printed whatever the encoding of stdout is.
    return json.dumps({"version": JSON_VERSION, "outcome": outcome, "changes": rows, "error": message})


class Outcome(NamedTuple):
    """What became of a work.

    Attributes:
        name: as `--json` says it: planned, applied, nothing, refused or markers.
        code: the exit code of the command.
        error: what refused it, once there was a plan to show; or what could not be rendered, when the rest was done.
    """

    name: str
    code: int
    error: MxError | None = None


W = TypeVar("W", bound=Work)


def carry_out(
    work: W,
    operations: Callable[[W], Sequence[Operation]],
    policy: Policy,
    *,
    title: str,
    new: bool = False,
) -> Outcome:
    """Settle, show and apply.

    Args:
        work: what to do.
        operations: what is done to the disk, once all conflicts of the work are settled.
        policy: see `Policy`.
        title: the command, for the journal.
        new: the project's folder does not exist yet; it appears by one rename.
    """
    from mxdev.disk import apply, new_project
    from mxdev.plan import checks

    _tell(work, first=True)
    try:
        settle(work, policy)
    except Quit:
        console.err("Quit; nothing was written.")
        return Outcome("refused", SAYS_NO)
    if not policy.json and not policy.silent:
        show(work, diff=policy.diff, verbose=policy.verbose)
    if refused := unresolved(work):
        if not policy.json:
            paths = "\n".join(f"  {change.path}: {change.reason}" for change in refused)
            console.error(
                f"These files are in conflict, and nothing was written:\n{paths}",
                "Decide with --on-conflict keep, overwrite or merge; --diff shows what would change.",
            )
        return Outcome("refused", SAYS_NO)
    try:
        checks.check(work, title, dry_run=policy.dry_run)
    except Refused as refusal:
        return Outcome("refused", refusal.code, refusal)
    markers = [change.path for change in work.changes if change.markers]
    todo = operations(work)  # raises for what cannot be written, also in a dry run
    if policy.dry_run:
        if not policy.json:
            console.out("Dry run: nothing was written.")
        return Outcome("planned", SAYS_NO if markers else DONE)
    if not _confirmed(work, policy):
        console.err("Nothing was written.")
        return Outcome("refused", SAYS_NO)
    undoes = getattr(work, "undoes", ())
    effective = any(change.before != change.after for change in work.changes) or bool(undoes and todo)
    if new and todo:
        new_project.stage_new(work.root, todo, title)
    elif todo:
        apply.apply(work.root, todo, title=title, undoes=undoes)
    _tell(work, first=False)
    if markers:
        if not policy.json:
            console.error(
                "These files have conflict markers in them now:\n"
                + "\n".join(f"  {path}" for path in markers),
                "Resolve them, then commit.",
            )
        return Outcome("markers", SAYS_NO)
    return Outcome("applied" if effective else "nothing", DONE)


def _confirmed(work: Work, policy: Policy) -> bool:
    """Whether a person who can be asked wants that many files removed."""
    count = sum(change.status == "remove" for change in work.changes)
    if not policy.confirm or not policy.may_ask or count <= _FEW:
        return True
    return console.agreed(policy.confirm.format(count=count))


def _tell(work: Work, *, first: bool) -> None:
    """Show what generators that change something want to say (`Tree.say`)."""
    changing = {
        name for change in work.changes if change.status not in ("identical", "keep", "orphan")
        for name in change.generators
    }  # fmt: skip
    for rendering in getattr(work, "renderings", ()):
        messages = rendering.tree.messages if rendering.tree and rendering.instance in changing else ()
        for text in [message.text for message in messages if message.first == first]:
            console.err(f"{rendering.instance} says:\n" + "\n".join(f"  {line}" for line in text.split("\n")))


def outcome_of(error: MxError) -> str:
    """How `--json` calls a run that ended with `error`."""
    return "refused" if isinstance(error, Refused) else "error"
