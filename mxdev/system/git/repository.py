"""Repositories that Git accepts, and what they are asked."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from mxdev.system.git import quiet, running
from mxdev.system.git.errors import GitFailed, NoGit
from mxdev.system.git.running import Answer

# These look at no file's content in the working tree, so no filter has a part in them.
_WITHOUT_FILTERS = frozenset({"rev-parse", "cat-file", "ls-files", "ls-tree", "check-ignore", "log", "show"})
MAIN = "main"


def top(folder: Path) -> Path | None:
    """The nearest folder, `folder` itself included, with a `.git` in it; None: no repository.

    Bare repositories do not count: one that lies in the tree is somebody's data.
    """
    return next((place for place in (folder, *folder.parents) if os.path.lexists(place / ".git")), None)


def literal(path: str) -> str:
    """A pathspec that means this path, whatever letters it has."""
    return f":(literal){path}"


@dataclass(frozen=True)
class Repository:
    """A repository that Git accepts.

    Attributes:
        top: the folder with `.git`; Git runs there, and paths start there.
        prefix: from there to the folder that was asked about: "", or "a/b/".
    """

    top: Path
    prefix: str
    _quiet: list[tuple[str, ...]] = field(default_factory=list, compare=False, repr=False)

    def ask(
        self,
        *arguments: str,
        ok: Collection[int] = (0,),
        input: bytes | None = None,
        filters: bool = False,
        settings: Collection[str] = (),
    ) -> Answer:
        """Run Git at the top of the repository.

        Args:
            arguments: the command and what belongs to it; a path of a person's goes through `literal`.
            ok: the exit codes that are answers.
            input: what Git reads.
            filters: also the filters that this repository's own configuration names are run; only for what runs the
                project's code anyway.
            settings: more configuration, as "name=value".

        Raises:
            GitError: Git is missing, does not accept the repository, or ended with another code.
        """
        quiet = () if filters or arguments[0] in _WITHOUT_FILTERS else self._without_programs()
        return running.run(self.top, arguments, (*settings, *quiet), ok, input)

    def commit(self) -> str | None:
        """The hash of the commit that is checked out; None where there is no commit yet.

        Raises:
            GitError: Git cannot say.
        """
        answer = self.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1))
        return answer.out.decode("ascii").strip() if answer.code == 0 else None

    def changed(self) -> list[str]:
        """The files below `top` that differ from the commit or that Git does not know, also in submodules; sorted.

        A name that is not text has U+FFFD in it.

        Raises:
            GitError: Git cannot say.
        """
        out = self.ask("status", "--porcelain=v1", "-z", "--untracked-files=normal").out
        parts = out.decode("utf-8", "replace").split("\0")
        found = []
        while parts and parts[0]:
            entry = parts.pop(0)
            found.append(entry[3:])
            if "R" in entry[:2] or "C" in entry[:2]:
                parts.pop(0)  # the name before
        return sorted({*found, *self._changed_submodules()})

    def _changed_submodules(self) -> list[str]:
        if not (self.top / ".gitmodules").is_file():
            return []
        found = []
        for row in self.ask("ls-files", "--stage", "-z").out.split(b"\0"):
            place = self.top / os.fsdecode(row.partition(b"\t")[2])
            if row.startswith(b"160000 ") and os.path.lexists(place / ".git") and not place.is_symlink():
                inner = find(place)
                # By a link on the way there two repositories could be in each other.
                if inner is not None and self.top in inner.top.parents and inner.changed():
                    found.append(row.partition(b"\t")[2].decode("utf-8", "replace"))
        return found

    def _without_programs(self) -> tuple[str, ...]:
        """The settings that take away the programs which the repository's own configuration names."""
        if not self._quiet:
            self._quiet.append(quiet.neutral(self.top))
        return self._quiet[0]


def find(folder: Path) -> Repository | None:
    """The repository that `folder` is in; None if it is in none.

    Raises:
        NoGit: there is one, and Git is not installed.
        NotOurs: it belongs to another user.
        GitFailed: Git does not take what is there for a repository.
    """
    folder = folder.resolve()
    there = top(folder)
    if there is None:
        return None
    answer = running.run(there, ("rev-parse", "--show-toplevel"))
    told = Path(os.fsdecode(answer.out.removesuffix(b"\n"))).resolve()
    # A `.git` that is none, such as an empty folder, is passed over by Git; `core.worktree` may point anywhere.
    meant = told == there or os.path.lexists(told / ".git")
    if not meant or (told != folder and told not in folder.parents):
        problem = GitFailed(
            f"The repository in {there} says that its files are in {told}, so mx does not use it.",
            hint=f"`git -C {there} config --unset core.worktree`, if that is not what you want.",
        )
        problem.said = f"its files are in {told}"
        raise problem
    inside = folder.relative_to(told).as_posix()
    return Repository(told, "" if inside == "." else f"{inside}/")


def tracks(root: Path, folder: Path) -> bool:
    """Whether the repository around `root` has files of a folder; without Git, nothing was cloned and none has.

    Raises:
        GitError: Git cannot say.
    """
    try:
        repository = find(root)
    except NoGit:
        return False
    if repository is None:
        return False
    inside = Path(os.path.relpath(folder.parent.resolve() / folder.name, repository.top)).as_posix()
    return not inside.startswith("../") and bool(repository.ask("ls-files", "-z", "--", literal(inside)).out)


def initialize(folder: Path) -> str:
    """Make a repository of a folder; the person's own template for that holds.

    The branch is the one that the person set (`init.defaultBranch`), else `main`, whatever Git's own default is: pipelines
    run on `main`.

    Returns:
        The name of the branch.

    Raises:
        GitError: Git is missing, or failed.
    """
    own = (
        running.run(folder, ("config", "--get", "init.defaultBranch"), ok=(0, 1))
        .out.decode("utf-8", "replace")
        .strip()
    )
    # As a setting, not as `-b`: a Git before 2.28 passes it over.
    running.run(folder, ("init", "--quiet"), (f"init.defaultBranch={own or MAIN}",))
    return own or MAIN


def scratch(folder: Path) -> Repository:
    """Make a repository of an empty folder that is soon removed; the person's own template for that holds, as in any other.

    Raises:
        GitError: Git is missing, or failed.
    """
    running.run(folder, ("init", "--quiet"), (f"init.defaultBranch={MAIN}",))
    return Repository(folder.resolve(), "")


def run_at(git_dir: Path, *arguments: str) -> bytes:
    """Ask a repository that mx made in the user's cache; Git's output.

    Raises:
        GitError: Git is missing, or failed.
    """
    return running.run(git_dir, (f"--git-dir={git_dir}", *arguments)).out
