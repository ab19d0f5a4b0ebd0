"""Files that a person renamed, as far as Git can tell. Asked only when a file that mx rendered is gone."""

from __future__ import annotations

import os
from collections.abc import Container
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mxdev.project.checked import problem_of_target
from mxdev.project.files import in_git
from mxdev.project.files.content import Content, stored_content
from mxdev.project.project import Project

if TYPE_CHECKING:
    from mxdev.system import git

_HOPS = 20


def locate(
    project: Project, path: str, moved: str, rendered: Container[str] = ()
) -> tuple[str, Content | None]:
    """Where a recorded file is now, and what stands there; None if it was deleted.

    Args:
        project: the project.
        path: where it was rendered to.
        moved: where it was seen last, if a person renamed it; may be empty.
        rendered: more paths that are mx's own, where the file cannot have gone.
    """
    place = moved or path
    found = stored_content(project, place)
    if found is not None:
        return place, found
    target = follow(project.root, place)
    if target is not None and target not in rendered and target not in _recorded(project, path):
        found = stored_content(project, target)
        if found is not None:
            return target, found
    back = stored_content(project, path) if moved else None
    return (path, back) if back is not None else (place, None)


def _recorded(project: Project, path: str) -> set[str]:
    """All paths that instances rendered, and where they went; without `path`."""
    records = project.instances.values()
    found = {known for record in records for known in record.files}
    found |= {file.moved for record in records for file in record.files.values()}
    found |= {section.path for record in records for section in record.sections}
    return found - {path}


def follow(root: Path, path: str) -> str | None:
    """Where the file at `path` is now; None if it was not renamed, or there is no Git to tell.

    Args:
        root: the project's folder, anywhere in a repository.
        path: relative to `root`, of a file that is not there.

    Raises:
        GitError: there is a repository, and Git cannot answer.
    """
    if _repository(root) is None:
        return None
    current = path
    for _ in range(_HOPS):
        target = _uncommitted(root).get(current) or _committed(root, current)
        if target is None or problem_of_target(target):  # no name that could be recorded
            return None
        if (root / target).is_file():
            return target
        current = target
    return None


@lru_cache(maxsize=8)
def _repository(root: Path) -> git.Repository | None:
    """The repository that tells; None where there is none, or no commit in it yet."""
    found = in_git.repository(root)
    return found if found is not None and found.commit() else None


@lru_cache(maxsize=8)
def _uncommitted(root: Path) -> dict[str, str]:
    """Renames that are staged (`git mv`) or made in the working tree with the new file added."""
    return _renames(root, "diff", "HEAD")


@lru_cache(maxsize=256)
def _committed(root: Path, path: str) -> str | None:
    """The rename in the last commit that took `path` away."""
    from mxdev.system import git

    found = _repository(root)
    if found is None:
        return None
    where = git.literal(found.prefix + path)
    answer = found.ask("log", "-1", "--no-renames", "--diff-filter=D", "--format=%H", "--", where)
    commit = answer.out.decode("ascii").strip()
    return _renames(root, "show", "--format=", commit).get(path) if commit else None


def forget() -> None:
    """Drop what was learned (for tests that rename in one process)."""
    _repository.cache_clear()
    _uncommitted.cache_clear()
    _committed.cache_clear()
    in_git.forget()


def _renames(root: Path, command: str, *arguments: str) -> dict[str, str]:
    # The output with -z: R<score> NUL old NUL new NUL ... (git-diff, "raw output format").
    # mx's own copies of what was rendered look like renames, too.
    from mxdev.system import git

    found_in = _repository(root)
    if found_in is None:
        return {}
    prefix = found_in.prefix
    relative = (f"--relative={prefix}",) if prefix else ()
    where = ("--", git.literal(prefix) if prefix else ".", f":(exclude,literal){prefix}.mx")
    answer = found_in.ask(
        command, "-M", "--diff-filter=R", "--name-status", "-z", *relative, *arguments, *where
    )
    fields = os.fsdecode(answer.out).split("\0")
    found: dict[str, str] = {}
    for index in range(0, len(fields) - 2, 3):
        old, new = fields[index + 1], fields[index + 2]
        # A name that is not text (surrogates stand for its bytes) cannot be recorded.
        if fields[index].lstrip().startswith("R") and not any("\ud800" <= c <= "\udfff" for c in new):
            found[old] = new
    return found
