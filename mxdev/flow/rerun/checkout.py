"""A scratch checkout: the files of a commit, with uncommitted changes, outside of the project and only for a while.

It is a worktree of the same repository (git-worktree(1)): nothing is fetched, and the user's checkout is not touched.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mxdev.errors import MxError, Refused
from mxdev.system import console, programs
from mxdev.system.signals import deferred

_PREFIX = "mx-rerun-"
# Set in hooks and by some tools; they would lead Git to another repository than the one asked about.
NO_GIT = dict.fromkeys(("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"))


@contextlib.contextmanager
def checkout(root: Path, commit: str, diff: bytes) -> Iterator[Path]:
    """The project at `root` as it was at `commit` with `diff` applied; gone after the `with` block.

    Args:
        root: the project: the root of its repository, or a folder in it.
        commit: a commit's hash.
        diff: what `git apply` takes; may be empty.

    Yields:
        The folder of the project in the checkout.

    Raises:
        Refused: the repository does not have the commit, or the diff does not apply.
        MxError: there is no repository, or Git fails.
    """
    top = _git(root, "rev-parse", "--show-toplevel", problem=f"{root} is in no Git repository").stdout
    inside = root.resolve().relative_to(Path(os.fsdecode(top.removesuffix(b"\n"))).resolve())
    if _try(root, "cat-file", "-e", f"{commit}^{{commit}}").code:
        raise Refused(
            f"the commit {commit[:12]} is not in the repository of {root}.",
            hint="`git fetch --all` may bring it. If it was only on another machine, it has to be pushed from there.",
        )
    _sweep(root)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")).resolve()
    try:
        # The hooks of the repository are for a person's checkouts.
        _git(
            root, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--detach", str(folder), commit,
            problem=f"Git could not check {commit[:12]} out",
        )  # fmt: skip
        if diff:
            applied = _try(folder, "apply", "--whitespace=nowarn", "-", input=diff)
            if applied.code:
                raise Refused(
                    f"the uncommitted changes of the run cannot be applied to {commit[:12]}: {_words(applied)}",
                    hint="A change of a binary file is in no such diff.",
                )
        yield folder / inside
    finally:
        with deferred():
            _remove(root, folder)


def _remove(root: Path, folder: Path) -> None:
    """Take a checkout away, and what Git noted about it."""
    removed = _try(root, "worktree", "remove", "--force", "--force", str(folder))
    if removed.code:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
        _try(root, "worktree", "prune")
    if folder.exists():
        console.warn(f"{folder} could not be removed: {_words(removed)}")


def _sweep(root: Path) -> None:
    """Take away what a rerun left that was killed."""
    listed = _try(root, "worktree", "list", "--porcelain").stdout
    for path in re.findall(rb"^worktree (.+)$", listed, re.MULTILINE):
        folder = Path(os.fsdecode(path))
        match = re.fullmatch(rf"{_PREFIX}(\d+)-[^-]+", folder.name)
        if match and not _runs(int(match[1])):
            _remove(root, folder)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _git(folder: Path, *arguments: str, problem: str) -> programs.Result:
    """Run Git.

    Raises:
        MxError: it failed; `problem` says what that means.
    """
    done = _try(folder, *arguments)
    if done.code:
        raise MxError(f"{problem}: {_words(done)}")
    return done


def _try(folder: Path, *arguments: str, input: bytes | None = None) -> programs.Result:
    git = programs.find("git").command
    return programs.run([*git, "-C", str(folder), *arguments], env=NO_GIT, capture=True, input=input)


def _words(done: programs.Result) -> str:
    """What Git said, in one line."""
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return (
        "; ".join(line.removeprefix("fatal: ").removeprefix("error: ") for line in lines[:3])
        or "no reason given"
    )
