"""Files that a changed option moves (`mx set name=...`): what a person did to them, and laid beside them, moves along.

Without this, an edited `src/churn_model/model.py` would stay behind as nobody's, a fresh one would stand in
`src/foo_bar/`, and the package would be split in two.

Worked example: an instance rendered `src/a/__init__.py`, `src/a/model.py` and `tests/test_a.py`, and renders `src/b/__init__.py`,
`src/b/model.py` and `tests/test_a.py` now. `a` became `b` in two of two paths, so `src/a/model.py` is `src/b/model.py` now, and
`src/a/` is `src/b/`: an edit of the one is merged into the other, and `src/a/mine.py` moves to `src/b/mine.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from mxdev.errors import Refused
from mxdev.plan.files import merged
from mxdev.plan.model import Change, Plan, Rendering
from mxdev.project.files import in_git
from mxdev.project.files.content import Content, disk_content

# What interpreters and tools leave in a package; it is made again.
_LEFTOVERS = ("__pycache__", ".ipynb_checkpoints", ".DS_Store")
_LARGEST = 50 << 20


def follow(plan: Plan, changes: Iterable[Change]) -> Iterator[Change]:
    """The rows of files, those that an option moved as moves.

    Raises:
        Refused: something beside the files that move cannot move along; names it.
    """
    rows = list(changes)
    by_path = {change.rendered: change for change in rows}
    found: dict[str, Change] = {}
    for rendering in plan.renderings:
        record = plan.project.instances.get(rendering.known_as)
        if record is None or rendering.tree is None:
            continue
        moves = pairs(record.files, rendering.tree.files)
        for old, new in moves.items():
            before, after = by_path.get(old), by_path.get(new)
            if before is not None and after is not None and _is_left(before, old) and after.before is None:
                found[old], found[new] = _moved(plan, rendering, before, after)
        for change in _beside(plan, rendering, moves, {*record.files, *rendering.tree.files}):
            found[change.path] = change
    yield from (found.pop(change.rendered, change) for change in rows)
    yield from found.values()


def _is_left(change: Change, path: str) -> bool:
    """Whether a person's edit would stay behind."""
    there = change.before
    return change.status == "orphan" and change.path == path and there is not None and not there.foreign


def _moved(plan: Plan, rendering: Rendering, old: Change, new: Change) -> tuple[Change, Change]:
    """The rows of a file that a person edited: it goes from the one place, and its edit is merged into the other."""
    disk, wanted = old.before, new.after
    assert disk is not None  # `_is_left` looked
    assert wanted is not None  # it is to be created
    data = plan.project.pristine(rendering.known_as, old.path)
    base = None if data is None else Content(data, disk.executable)
    row = merged(replace(new, before=None), base, disk, wanted)
    if row.status == "keep":  # the edit has all of it: the file as it is, at its new place
        row = replace(row, status="merge", after=disk, reason="")
    reason = "; ".join(filter(None, [row.reason, f"moved from {old.path}"]))
    gone = replace(old, status="remove", after=None, reason=f"moves to {new.path}")
    return gone, replace(row, before=None, reason=reason)


def pairs(old: Iterable[str], new: Iterable[str]) -> dict[str, str]:
    """Which of the `old` paths became which of the `new` ones, by the folder's or the file's name that differs.

    Only what is in one of the two takes part. The names are replaced that explain most of the paths.
    """
    before, after = set(old), set(new)
    gone, come = before - after, after - before
    names: Counter[tuple[str, str]] = Counter()
    for path in gone:
        for other in come:
            if len(different := _different(path, other)) == 1:
                names.update(different)
    result: dict[str, str] = {}
    for (one, other), _ in sorted(names.items(), key=lambda item: (-item[1], item[0])):
        for path in sorted(gone - result.keys()):
            target = "/".join(other if part == one else part for part in path.split("/"))
            if target in come and target not in result.values():
                result[path] = target
    return result


def _different(path: str, other: str) -> set[tuple[str, str]]:
    """The names in which two paths of one depth differ, as pairs; empty if they are of different depths."""
    one, two = path.split("/"), other.split("/")
    return (
        {pair for pair in zip(one, two, strict=True) if pair[0] != pair[1]} if len(one) == len(two) else set()
    )


def folders(moves: Mapping[str, str], stay: Iterable[str]) -> dict[str, str]:
    """The folders that move whole: all that is rendered in them goes, and to one place."""
    targets: dict[str, set[str]] = {}
    for old, new in moves.items():
        one, two = old.split("/")[:-1], new.split("/")[:-1]
        for depth in range(1, len(one) + 1):
            if one[:depth] != two[:depth]:
                targets.setdefault("/".join(one[:depth]), set()).add("/".join(two[:depth]))
    held = {"/".join(path.split("/")[:depth]) for path in stay for depth in range(1, path.count("/") + 1)}
    return {old: new.pop() for old, new in targets.items() if len(new) == 1 and old not in held}


def _beside(plan: Plan, rendering: Rendering, moves: Mapping[str, str], known: set[str]) -> Iterator[Change]:
    """The rows of a person's own files in folders that move."""
    tree = rendering.tree
    assert tree is not None  # the caller looked
    going = folders(moves, tree.files)
    tops = [folder for folder in going if not any(folder.startswith(f"{other}/") for other in going)]
    refused = []
    for folder in sorted(tops):
        inside = [
            path.relative_to(plan.root).as_posix() for path in sorted((plan.root / folder).rglob("*"))
            if (path.is_symlink() or not path.is_dir()) and not set(_LEFTOVERS) & set(path.parts)
        ]  # fmt: skip
        ignored = set(in_git.ignored(plan.root, inside)) if inside else set()
        for path in inside:
            if path in known or path in ignored:
                continue
            content = disk_content(plan.project, path)
            target = going[folder] + path[len(folder) :]
            too_large = content is not None and len(content.data) > _LARGEST
            if (
                content is None
                or content.foreign
                or too_large
                or disk_content(plan.project, target) is not None
            ):
                refused.append(f"  {path}, to {target}")
                continue
            old, new = folder.rpartition("/")[2], going[folder].rpartition("/")[2]
            if old != new and old.encode() in content.data:
                plan.notes.append(
                    f"{target} is yours, so what it says stays; it names {old}, which is {new} now."
                )
            yield Change(path, "remove", (), content, None, reason=f"yours; moves to {target}")
            yield Change(target, "create", (), None, content, reason=f"yours; moved from {path}")
    if refused:
        raise Refused(
            "This option moves the folder that these files of yours are in, and they cannot move along:\n"
            + "\n".join(refused),
            hint="Move them out of the way yourself (`git mv`), then run the command again. Nothing was written.",
        )
