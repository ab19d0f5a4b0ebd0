"""Any plan between any two trees, files that become folders and back included: applied, failed, killed."""

from __future__ import annotations

import contextlib
import errno
import shutil
from pathlib import Path

from disks import FailingFS, KillingFS, Tree, WatchedFS, change, in_child, memory, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from mxdev.disk import apply, fs, journal, recovery
from mxdev.errors import MxError

Files = dict[str, tuple[bytes, bool]]
PATHS = ["a", "a/b", "a/b/c", "a/b/d", "a/e", "f/g/h", "f/g", "f", "i", ".mx/j"]


@st.composite
def files(draw: st.DrawFn) -> Files:
    chosen: Files = {}
    for path in draw(st.permutations(PATHS)):
        free = not any(path.startswith(f"{other}/") or other.startswith(f"{path}/") for other in chosen)
        if free and draw(st.booleans()):
            chosen[path] = (draw(st.sampled_from([b"", b"1\n", b"22\n"])), draw(st.booleans()))
    return chosen


def write(root: Path, tree: Files) -> None:
    for path, (data, executable) in tree.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
        (root / path).chmod(0o755 if executable else 0o644)


def plan(old: Files, new: Files, order: list[str]) -> list[apply.Operation]:
    none = (None, False)
    steps = []
    for path in order:
        (before, was), (after, now) = old.get(path, none), new.get(path, none)
        steps.append(change(path, before, after, was, now))
    return steps


def as_tree(tree: Files) -> Tree:
    found: Tree = {}
    for path, (data, executable) in tree.items():
        found[path] = ("file", 0o755 if executable else 0o644, data)
        while "/" in path:
            path = path.rpartition("/")[0]
            found[path] = ("folder", 0o755)
    return found


@settings(max_examples=40, deadline=None)
@given(old=files(), new=files(), order=st.permutations(PATHS), at=st.integers(0, 60), cut=st.integers(0, 60))
def test_between_any_two_trees(old: Files, new: Files, order: list[str], at: int, cut: int) -> None:
    with memory() as place, fs.use(WatchedFS()):
        root = place / "project"
        root.mkdir()
        write(root, old)
        assert snapshot(root) == as_tree(old)

        with fs.use(FailingFS(at, errno.ENOSPC)), contextlib.suppress(MxError):
            apply.apply(root, plan(old, new, order), title="t")
        assert not journal.interrupted(root)
        if snapshot(root) != as_tree(old):  # all was done, or it failed when all was done
            assert snapshot(root) == as_tree(new)
            shutil.rmtree(root)
            root.mkdir()
            write(root, old)

        in_child(lambda: apply.apply(root, plan(old, new, order), title="t"), KillingFS(at))
        in_child(lambda: recovery.recover(root), KillingFS(cut))
        assert recovery.recover(root).ok
        assert snapshot(root) in (as_tree(old), as_tree(new))

        if snapshot(root) == as_tree(old):
            apply.apply(root, plan(old, new, order), title="t")
        assert snapshot(root) == as_tree(new)
        apply.apply(root, plan(new, old, order), title="t")
        assert snapshot(root) == as_tree(old)
