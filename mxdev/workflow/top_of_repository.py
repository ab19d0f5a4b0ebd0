"""Files that other programs look for at the top of a repository only, in a project that is a folder of a larger one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mxdev.system import git

# By what such a path begins with: who looks for it, and what a person can do.
_WANTED_AT_THE_TOP = {
    ".github/": (
        "GitHub",
        "copy the workflows to the top, and write in the copies `defaults: {{run: {{working-directory: {folder}}}}}`, "
        "`paths: [{folder}/**]` below `push` and `pull_request`, and {folder}/ before what stands below `path` and "
        "`cache-dependency-glob`, which no working directory holds for",
    ),
    ".gitlab-ci.yml": (
        "GitLab",
        "copy what it includes to the top, include the copy in the one at the top, and write in the copy `cd {folder}` first in "
        "each `before_script`, {folder}/ before what stands below `cache` and `artifacts`, and `changes: [{folder}/**/*]` "
        "in each of the `rules`. An include of {folder}/.gitlab-ci.yml does not do: paths in it start at the top",
    ),
    ".pre-commit-config.yaml": (
        "pre-commit",
        "copy its hooks into the one at the top, with `files: ^{folder}/`",
    ),
}  # fmt: skip


def warnings(root: Path, paths: Iterable[str]) -> Iterator[str]:
    """What a person should know of files that nobody looks for where they are, a sentence for each program.

    Args:
        root: the project's folder.
        paths: what was rendered, relative to it.
    """
    top = git.top(root.resolve())
    if top is None or top == root.resolve():
        return
    folder = root.resolve().relative_to(top).as_posix()
    known = list(paths)
    for start, (program, remedy) in _WANTED_AT_THE_TOP.items():
        found = sorted(path for path in known if path.startswith(start))
        if found:
            yield (
                f"This project is the folder {folder} of a larger repository. {program} looks for {start} at the top of a repository "
                f"only, so {folder}/{found[0]} has no effect: {remedy.format(folder=folder)}; or make the project a repository of its own."
            )
