"""The last runs that changed something, taken back. That is a plan itself, so taking it back again redoes them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from mxdev.commands.planning import PLAN_OPTIONS, policy_of, with_options
from mxdev.disk import journal
from mxdev.disk.journal_format import Entry, Journal, Operation, State
from mxdev.disk.paths import UNDO_IGNORED
from mxdev.disk.session import tell
from mxdev.errors import DONE, MxError, Refused
from mxdev.plan.model import Change
from mxdev.project.files.content import Content, operation, recorded_content, state_of
from mxdev.project.project import Project
from mxdev.system import console

JSON_VERSION = 1


@dataclass
class Undo:
    """The taking back of runs; `mxdev.workflow.apply.carry_out` carries it out.

    Attributes:
        root: the project's folder.
        runs: what is taken back, the last one first.
        changes: a row for each path outside `.mx/`, and for a person's overrides.
        state: what is done to mx's own files.
        were: the targets as they were, by path.
        notes: what a person should know beside the table, a line each.
    """

    root: Path
    runs: Sequence[Journal]
    changes: list[Change] = field(default_factory=list)
    state: list[Operation] = field(default_factory=list)
    were: dict[str, Entry] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def undoes(self) -> tuple[str, ...]:
        """The ids of what is taken back."""
        return tuple(run.id for run in self.runs)

    @property
    def command(self) -> str:
        """What this run is called: an undo that is taken back is the command itself again."""
        titles = ", ".join(run.title for run in self.runs)
        again = titles.removeprefix("undo of ")
        return again if len(self.runs) == 1 and again != titles else f"undo of {titles}"

    def title(self) -> str:
        """What is taken back, and when it was run, in words."""
        return ", ".join(f"{run.title} of {_when(run)}" for run in self.runs)


def _when(run: Journal) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(run.made))


def operations(undo: Undo) -> list[Operation]:
    """What is done to the disk, once all conflicts are settled. A file that comes back is as private as it was."""
    rows = [change for change in undo.changes if change.before != change.after]
    done = [operation(change.path, change.before, change.after) for change in rows] + undo.state
    return [
        replace(one, mode=was.mode, attributes=was.attributes) if (was := undo.were.get(one.path)) else one
        for one in done
    ]


def find(here: Path) -> Path | None:
    """The nearest folder, upwards, that is a project or has something to take back."""
    start = here.absolute()
    marks = ("mx.yaml", journal.UNDO, journal.COMMITTED)
    return next((f for f in (start, *start.parents) if any((f / mark).is_file() for mark in marks)), None)


def is_row(path: str) -> bool:
    """Whether a person sees a path in the table: all but mx's own records."""
    return not path.startswith(".mx/") or path.startswith(".mx/overrides/")


def history(root: Path, *, trust: bool = False) -> list[Journal]:
    """The runs that can be taken back, the last one first.

    A run that changed records only and was taken back is left out with its undo: together they changed nothing, and
    what was before them is the last run. Any other undo is a run, so that taking it back does the run again.

    Raises:
        MxError: the last run cannot be read, or is none of this user in this checkout. Earlier ones end the list there.
    """
    runs: list[Journal] = []
    for path in journal.history(root):
        try:
            runs.append(journal.own(root, path, trust=trust))
        except MxError:
            if not runs:
                raise
            break
    standing: list[Journal] = []
    for run in reversed(runs):
        count = len(run.undoes)
        taken = [one.id for one in standing[-count:]] if count else []
        if (
            taken
            and taken == list(reversed(run.undoes))
            and not any(is_row(entry.path) for entry in run.entries)
        ):
            del standing[-count:]
        else:
            standing.append(run)
    return standing[::-1]


def combined(runs: Sequence[Journal]) -> Journal:
    """Several runs, the last one first, as one: from how each target was before the first of them to how the last left it."""
    first, last = runs[-1], runs[0]
    entries: dict[str, Entry] = {}
    folders: dict[str, int | None] = {}
    blobs: dict[str, bytes] = {}
    for run in reversed(runs):  # the oldest first
        for entry in run.entries:
            was = entries.get(entry.path)
            entries[entry.path] = was._replace(after=entry.after) if was else entry
        folders = {**run.folders, **folders}
        blobs.update(run.blobs)
    kept = tuple(entry for entry in entries.values() if entry.before != entry.after)
    return Journal(first.id, first.title, True, kept, folders, blobs, last.made)


def plan(root: Path, *, merge: bool, trust: bool = False, count: int = 1) -> Undo:
    """Plan to take back what was run last.

    Args:
        root: the project's folder.
        merge: merge with what was done to the files since; otherwise such a file stops it.
        trust: also what is not known to be of this user in this checkout.
        count: how many runs to take back.

    Raises:
        Refused: there is nothing to take back, or files changed since; the message lists them.
        MxError: the record of it cannot be read.
    """
    runs = history(root, trust=trust)
    if not runs:
        raise Refused(
            f"There is nothing to take back in {root}.",
            hint="mx keeps the last commands that changed something, on this machine.",
        )
    if count > len(runs):
        raise Refused(
            f"mx keeps {len(runs)} runs that can be taken back here, not {count}.",
            hint="`mx undo --list` shows them.",
        )
    last = runs[0] if count == 1 else combined(runs[:count])
    undo = Undo(root, runs[:count])
    changed: list[str] = []
    for entry in last.entries:
        if entry.path == UNDO_IGNORED:
            continue  # it is there for the undo itself
        now = _content(root, entry.path)
        if (
            now is not None
            and now.foreign == "a folder"
            and not entry.after.exists
            and _ours(root, last, entry.path)
        ):
            now = None
        if entry.before.exists:
            undo.were[entry.path] = entry
        matches = not (now and now.foreign) and state_of(now) == entry.after
        if not is_row(entry.path):
            if matches:
                then = _content_of(last, entry.before)
                undo.state.append(operation(entry.path, now, then))
            else:
                changed.append(entry.path)
        elif matches or merge:
            undo.changes.append(_back(last, entry, now) if matches else _merged(last, entry, now))
        else:
            changed.append(entry.path)
    if changed:
        lines = "\n".join(f"  {name}" for name in changed)
        only_records = not any(map(is_row, changed))
        raise Refused(
            f"These files changed since {undo.title()}, so it cannot be taken back:\n{lines}",
            hint="Those are mx's own records, which are not merged: take them back with Git, to what they were after that run."
            if only_records
            else "Put them back first, or merge: `mx undo --merge`.",
        )
    if any(entry.path == ".mx/.gitignore" and not entry.before.exists for entry in last.entries):
        undo.state.append(operation(UNDO_IGNORED, _content(root, UNDO_IGNORED), Content(b"*\n")))
    if not undo.changes:
        undo.notes.append("It changed only what mx records, so your files are as they were.")
    undo.changes.sort(key=lambda change: change.path)
    return undo


def _ours(root: Path, last: Journal, path: str) -> bool:
    """Whether a folder that took a file's place has nothing in it but what the plan made."""
    made = {entry.path for entry in last.entries if entry.after.exists}
    inside = [found for found in (root / path).rglob("*") if found.is_symlink() or not found.is_dir()]
    return all(found.relative_to(root).as_posix() in made for found in inside)


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
@click.argument("count", default=1, type=click.IntRange(1))
@click.option(
    "--list", "listing", is_flag=True, help="List the runs that can be taken back, the last one first."
)
@click.option("--merge", is_flag=True, help="Merge with what was done to the files since.")
@click.option("--trust", is_flag=True, help="Also what mx cannot tell is yours.")
def undo(count: int, listing: bool, merge: bool, trust: bool, **parameters: Any) -> int:
    """Take back the last command that changed something, whatever it was, or the last COUNT of them.

    A second `mx undo` does it again (not a command that changed only mx's records: run that again by itself). Files that
    changed since stop it, unless you say --merge. mx keeps the last 50 runs, on this machine; `mx undo --list` shows them.
    """
    from mxdev.workflow.door import answering, change

    policy = policy_of(parameters)

    def work() -> int:
        root = find(Path.cwd())
        if root is None:
            raise MxError(
                f"{Path.cwd()} is not inside an mx project, and nothing was done here that could be taken back."
            )
        if listing:
            tell(root)
            return _list(history(root, trust=trust), as_json=policy.json)

        def taking_back(root: Path) -> Undo:
            todo = plan(root, merge=merge, trust=trust, count=count)
            if not policy.json:
                console.err(f"Taking back {todo.title()}.")
            return todo

        return change(root, "mx undo", policy, taking_back, operations, titled=lambda todo: todo.command)

    return answering(policy, work)


def _list(runs: Sequence[Journal], *, as_json: bool) -> int:
    rows = [
        {
            "number": number,
            "command": run.title,
            "time": run.made,
            "files": [e.path for e in run.entries if is_row(e.path)],
        }
        for number, run in enumerate(runs, 1)
    ]
    if as_json:
        console.out(json.dumps({"version": JSON_VERSION, "runs": rows, "error": None}))
        return DONE
    for run, row in zip(runs, rows, strict=True):
        files = len(row["files"])  # type: ignore[arg-type]
        what = f"{files} file{'s' * (files != 1)}" if files else "only mx's records"
        console.out(f"{row['number']:>3}  {_when(run)}  {run.title}  ({what})")
    if not rows:
        console.out("There is nothing to take back.")
    return DONE
