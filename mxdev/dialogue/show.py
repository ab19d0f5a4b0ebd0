"""The table of a plan as a person reads it: what changes, row by row; what does not, counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mxdev.merge.diff import difference
from mxdev.plan.model import Change, Work
from mxdev.project.files.content import Content
from mxdev.system import console

# More new files than this are shown as folders with counts.
_MANY = 20
_STILL = ("identical", "keep", "orphan")


def show(work: Work, *, diff: bool = False, verbose: bool = False) -> None:
    """Print the plan's table.

    Args:
        work: what is planned.
        diff: with the changes of each file.
        verbose: with every row, those of files that stay as they are too.
    """
    several = len({plugin for change in work.changes for plugin in change.plugins}) > 1
    created = [change for change in work.changes if change.status == "create" and not change.reason]
    folded = len(created) > _MANY and not diff and not verbose
    if folded:
        console.out(f"{console.verb('create')}  {len(created)} files")
        for line in _folders([change.path for change in created]):
            console.out(f"{'':>12}{line}")
    for change in work.changes:
        if (folded and change in created) or (change.status == "identical" and not verbose):
            continue
        home = f"from {', '.join(change.plugins)}" if several and change.plugins else ""
        note = ", ".join(filter(None, [change.resolution, change.reason, home]))
        console.out(f"{console.verb(change.status)}  {change.path}{f'  ({note})' if note else ''}")
        if diff:
            _show_difference(change)
    if not work.changes and getattr(work, "undoes", False):
        return  # taking back what changed records only says so itself
    if work.changes and all(change.status in _STILL for change in work.changes):
        console.out("Everything is up to date.")
    else:
        console.out(summary(work.changes))


def _folders(paths: Sequence[str]) -> list[str]:
    """New files as a tree of two levels: each folder with the number of files in it, then the files at the top."""
    counts: dict[str, int] = {}
    top = []
    for path in paths:
        parts = path.split("/")
        if len(parts) == 1:
            top.append(path)
        else:
            folder = "/".join(parts[: min(2, len(parts) - 1)]) + "/"
            counts[folder] = counts.get(folder, 0) + 1
    width = max([len(folder) for folder in counts], default=0)
    lines = [f"{folder:<{width}}  {count}" for folder, count in sorted(counts.items())]
    return [*lines, *_wrapped(top, 66)]


def _wrapped(words: Sequence[str], width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(" ".join(words), width, break_long_words=False, break_on_hyphens=False)


def _show_difference(change: Change) -> None:
    # A conflict that nobody has decided: what the generator would write.
    open_conflict = change.status == "conflict" and change.resolution is None
    after = change.choices.get("overwrite") if open_conflict else change.after
    if change.before and after and change.before.executable != after.executable:
        console.out("executable" if after.executable else "no longer executable")
    if bytes_of(change.before) != bytes_of(after):
        console.diff(difference(change.path, bytes_of(change.before), bytes_of(after)))


def summary(changes: Iterable[Change]) -> str:
    """How many changes there are of each status, in words."""
    counts: dict[str, int] = {}
    for change in changes:
        counts[change.status] = counts.get(change.status, 0) + 1
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "nothing to do"


def bytes_of(content: Content | None) -> bytes | None:
    """The bytes of a content; None where there is no file."""
    return content.data if content else None


def next_steps(steps: Iterable[tuple[str, str]]) -> None:
    """Print what a person runs next: each command, and on the line below why, wrapped between words."""
    console.out("\nNext steps:")
    for command, why in steps:
        console.out(f"  {command}")
        for line in _wrapped(why.split(), min(console.width(), 100) - 8):
            console.out(f"      # {line}")
