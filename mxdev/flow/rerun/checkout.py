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
from mxdev.system import console, git
from mxdev.system.signals import deferred

_PREFIX = "mx-rerun-"


@contextlib.contextmanager
def checkout(root: Path, commit: str, diff: bytes, *, filters: bool = True) -> Iterator[Path]:
    """The project at `root` as it was at `commit` with `diff` applied; gone after the `with` block.

    Args:
        root: the project: the root of its repository, or a folder in it.
        commit: a commit's hash.
        diff: what `git apply` takes; may be empty.
        filters: also run the filters that the repository's own configuration names, such as Git LFS; for a checkout whose
            code is run.

    Yields:
        The folder of the project in the checkout.

    Raises:
        Refused: the repository does not have the commit, or the diff does not apply.
        MxError: there is no repository, or Git fails.
    """
    there = git.find(root)
    if there is None:
        raise MxError(f"{root} is in no Git repository, so no commit of it can be checked out.")
    wanted = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    if there.ask(*wanted, ok=(0, 1, 128)).code:
        raise Refused(
            f"the commit {commit[:12]} is not in the repository of {root}.",
            hint="`git fetch --all` may bring it. If it was only on another machine, it has to be pushed from there.",
        )
    _sweep(there)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")).resolve()
    try:
        try:
            there.ask("worktree", "add", "--quiet", "--detach", str(folder), commit, filters=filters)
        except git.GitFailed as error:
            raise MxError(f"Git could not check {commit[:12]} out: {error.said}", hint=error.hint) from error
        if diff:
            _apply(folder, commit, diff, filters)
        yield folder / there.prefix
    finally:
        with deferred():
            _remove(there, folder)


def _apply(folder: Path, commit: str, diff: bytes, filters: bool) -> None:
    place = git.find(folder)
    if place is None:
        raise MxError(f"{folder} was to be a checkout, and is none.", hint="Try again.")
    applied = place.ask("apply", "--whitespace=nowarn", "-", input=diff, filters=filters, ok=(0, 1, 128))
    if applied.code:
        raise Refused(
            f"the uncommitted changes of the run cannot be applied to {commit[:12]}: {applied.words}"
        )


def _remove(there: git.Repository, folder: Path) -> None:
    """Take a checkout away, and what Git noted about it."""
    reason = ""
    try:
        there.ask("worktree", "remove", "--force", "--force", str(folder))
    except git.GitError as error:
        import shutil

        reason = error.said
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(git.GitError):  # Git does so by itself after a while
            there.ask("worktree", "prune")
    if folder.exists():
        console.warn(f"{folder} could not be removed: {reason}")


def _sweep(there: git.Repository) -> None:
    """Take away what a rerun left that was killed."""
    listed = there.ask("worktree", "list", "--porcelain").out
    for path in re.findall(rb"^worktree (.+)$", listed, re.MULTILINE):
        folder = Path(os.fsdecode(path))
        match = re.fullmatch(rf"{_PREFIX}(\d+)-[^-]+", folder.name)
        if match and not _runs(int(match[1])):
            _remove(there, folder)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
