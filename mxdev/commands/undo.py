"""The last plan that changed something, taken back. It is a plan itself, so taking it back again redoes it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from mxdev.commands.planning import PLAN_OPTIONS, policy_of, with_options
from mxdev.disk import journal
from mxdev.disk.journal_format import Entry, Journal, Operation, State
from mxdev.disk.paths import UNDO_IGNORED
from mxdev.errors import MxError, Refused
from mxdev.plan.model import Change
from mxdev.project.content import Content, operation, recorded_content, state_of
from mxdev.project.project import Project
from mxdev.system import console


@dataclass
class Undo:
    """The taking back of a journal; `mxdev.workflow.apply.carry_out` carries it out.

    Attributes:
        root: the project's folder.
        last: the journal that is taken back.
        changes: a row for each path outside `.mx/`.
        state: what is done to mx's own files.
        notes: what a person should know beside the table, a line each.
    """

    root: Path
    last: Journal
    changes: list[Change] = field(default_factory=list)
    state: list[Operation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def command(self) -> str:
        """What this run is called: an undo that is taken back is the command itself again."""
        again = self.last.title.removeprefix("undo of ")
        return again if again != self.last.title else f"undo of {self.last.title}"

    def title(self) -> str:
        """What is taken back, and when it was run, in words."""
        return f"{self.last.title} of {time.strftime('%Y-%m-%d %H:%M', time.localtime(self.last.made))}"


def operations(undo: Undo) -> list[Operation]:
    """What is done to the disk, once all conflicts are settled."""
    rows = [change for change in undo.changes if change.before != change.after]
    return [operation(change.path, change.before, change.after) for change in rows] + undo.state


def find(here: Path) -> Path | None:
    """The nearest folder, upwards, that is a project or has something to take back."""
    start = here.absolute()
    marks = ("mx.yaml", journal.UNDO, journal.COMMITTED)
    return next((f for f in (start, *start.parents) if any((f / mark).is_file() for mark in marks)), None)


def plan(root: Path, *, merge: bool, trust: bool = False) -> Undo:
    """Plan to take back what changed last.

    Args:
        root: the project's folder.
        merge: merge with what was done to the files since; otherwise such a file stops it.
        trust: also what is not known to be of this user in this checkout.

    Raises:
        Refused: there is nothing to take back, or files changed since; the message lists them.
        MxError: the record of it cannot be read.
    """
    path = root / journal.UNDO
    if not path.is_file():
        raise Refused(
            f"There is nothing to take back in {root}.",
            hint="mx keeps the last plan that changed a file, on this machine.",
        )
    undo = Undo(root, journal.own(root, path, trust=trust))
    changed: list[str] = []
    for entry in undo.last.entries:
        if entry.path == UNDO_IGNORED:
            continue  # it is there for the undo itself
        now = _content(root, entry.path)
        if (
            now is not None
            and now.foreign == "a folder"
            and not entry.after.exists
            and _ours(undo, entry.path)
        ):
            now = None
        matches = not (now and now.foreign) and state_of(now) == entry.after
        if entry.path.startswith(".mx/"):
            if matches:
                undo.state.append(operation(entry.path, now, _content_of(undo.last, entry.before)))
            else:
                changed.append(entry.path)
        elif matches or merge:
            undo.changes.append(_back(undo.last, entry, now) if matches else _merged(undo.last, entry, now))
        else:
            changed.append(entry.path)
    if changed:
        lines = "\n".join(f"  {name}" for name in changed)
        raise Refused(
            f"These files changed since {undo.title()}, so it cannot be taken back:\n{lines}",
            hint="Put them back first, or merge: `mx undo --merge`.",
        )
    if any(entry.path == ".mx/.gitignore" and not entry.before.exists for entry in undo.last.entries):
        undo.state.append(operation(UNDO_IGNORED, _content(root, UNDO_IGNORED), Content(b"*\n")))
    undo.changes.sort(key=lambda change: change.path)
    return undo


def _ours(undo: Undo, path: str) -> bool:
    """Whether a folder that took a file's place has nothing in it but what the plan made."""
    made = {entry.path for entry in undo.last.entries if entry.after.exists}
    inside = [found for found in (undo.root / path).rglob("*") if found.is_symlink() or not found.is_dir()]
    return all(found.relative_to(undo.root).as_posix() in made for found in inside)


def _back(last: Journal, entry: Entry, now: Content | None) -> Change:
    then = _content_of(last, entry.before)
    if entry.kind == "chmod" and now is not None:
        then = Content(now.data, entry.before.executable)
    status = "create" if now is None else "remove" if then is None else "update"
    return Change(entry.path, status, (), now, then)  # type: ignore[arg-type]


def _merged(last: Journal, entry: Entry, now: Content | None) -> Change:
    """A file that changed since: the same three-way merge as in an update, with the plan's result as the base."""
    from mxdev.merge.merge import merge_file

    then, base = _content_of(last, entry.before), _content_of(last, entry.after)
    change = Change(entry.path, "keep", (), now, now)
    if now is not None and now.foreign:
        change.reason = f"it is {now.foreign} now"
        return change
    if then is None:
        change.status, change.reason = "orphan" if now else "keep", "it was changed since"
        return change
    if now is None:
        change.reason = "it was deleted since"
        return change
    # The mode is merged on its own.
    changed = base is None or now.executable != base.executable
    mode = now.executable if changed else then.executable
    if entry.kind == "chmod":  # its bytes are not in the journal: the plan left them alone
        change.after = Content(now.data, mode)
        change.status = "keep" if change.after == now else "update"
        return change
    change.choices = {"keep": now, "overwrite": then}
    if base is not None:
        merged = merge_file(entry.path, base.data, now.data, then.data)
        settled = Content(merged.data, mode)
        if merged.clean:
            change.status, change.after = ("keep" if settled == now else "merge"), settled
            return change
        if merged.mergeable:
            change.choices = {**change.choices, "merge": settled}
    change.status, change.reason = "conflict", "it was changed since in the same place"
    return change


def _content(root: Path, path: str) -> Content | None:
    return recorded_content(Project(root), path)


def _content_of(last: Journal, state: State) -> Content | None:
    if state.sha256 is None:
        return None
    return Content(last.blobs.get(state.sha256, b""), state.executable)


@with_options(*PLAN_OPTIONS)
@click.command()
@click.option("--merge", is_flag=True, help="Merge with what was done to the files since.")
@click.option("--trust", is_flag=True, help="Also what mx cannot tell is yours.")
def undo(merge: bool, trust: bool, **parameters: Any) -> int:
    """Take back the last plan that changed a file, an overwrite that you chose included.

    A second `mx undo` does it again. Files that changed since stop it, unless you say --merge.
    """
    from mxdev.workflow.door import answering, change

    policy = policy_of(parameters)

    def work() -> int:
        root = find(Path.cwd())
        if root is None:
            raise MxError(
                f"{Path.cwd()} is in no mx project, and nothing was done here that could be taken back."
            )

        def taking_back(root: Path) -> Undo:
            todo = plan(root, merge=merge, trust=trust)
            if not policy.json:
                console.err(f"Taking back {todo.title()}.")
            return todo

        return change(root, "mx undo", policy, taking_back, operations, titled=lambda todo: todo.command)

    return answering(policy, work)
