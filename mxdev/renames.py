"""Files that a person renamed, as far as Git can tell. Asked only when a file that mx rendered is gone."""

from __future__ import annotations

import subprocess
from functools import lru_cache
from pathlib import Path

_HOPS = 20


def follow(root: Path, path: str) -> str | None:
    """Where the file at `path` is now; None if it was not renamed, or Git cannot tell.

    Args:
        root: the project's folder, anywhere in a repository.
        path: relative to `root`, of a file that is not there.
    """
    current = path
    for _ in range(_HOPS):
        target = _uncommitted(root).get(current) or _committed(root, current)
        if target is None:
            return None
        if (root / target).is_file():
            return target
        current = target
    return None


@lru_cache(maxsize=8)
def _uncommitted(root: Path) -> dict[str, str]:
    """Renames that are staged (`git mv`) or made in the working tree with the new file added."""
    return _renames(root, "diff", "HEAD")


@lru_cache(maxsize=256)
def _committed(root: Path, path: str) -> str | None:
    """The rename in the last commit that took `path` away."""
    commit = _git(root, "log", "-1", "--no-renames", "--diff-filter=D", "--format=%H", "--", path).strip()
    return _renames(root, "show", "--format=", commit).get(path) if commit else None


def forget() -> None:
    """Drop what was learned (for tests that rename in one process)."""
    _uncommitted.cache_clear()
    _committed.cache_clear()


def _renames(root: Path, command: str, *arguments: str) -> dict[str, str]:
    # The output with -z: R<score> NUL old NUL new NUL ... (git-diff, "raw output format").
    text = _git(root, command, "-M", "--diff-filter=R", "--name-status", "-z", "--relative", *arguments)
    fields = text.split("\0")
    found: dict[str, str] = {}
    for index in range(0, len(fields) - 2, 3):
        if fields[index].lstrip().startswith("R"):
            found[fields[index + 1]] = fields[index + 2]
    return found


def _git(root: Path, *arguments: str) -> str:
    """Git's answer; nothing where Git is missing or says no (no repository, no commit yet)."""
    try:
        done = subprocess.run(
            ["git", "-c", "core.quotepath=off", *arguments],
            cwd=root, capture_output=True, text=True, errors="surrogateescape", check=False,
        )  # fmt: skip
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
