"""What Git knows of a project's files: which it tracks, which it ignores, and what it would store of what is on the disk.

Nothing here is asked of Git before a file differs from what mx rendered, or is not there. Where the project is in no repository
all answers are those of a folder without Git; where Git cannot answer, that is an error.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

from mxdev.errors import MxError

Absence = Literal["deleted", "away", "unknown"]
"""Why a file is not there: Git knows it no more; Git has it still; nobody can tell."""

ABSENT: dict[Absence, str] = {
    "deleted": "you deleted it",
    "away": "it is not here, and Git has it: it is updated when it is back",
    "unknown": "it is missing",
}


def in_repository(root: Path) -> bool:
    """Whether the project lies in a Git repository, whatever Git thinks of it."""
    return any(os.path.lexists(folder / ".git") for folder in (root.absolute(), *root.absolute().parents))


def git(root: Path, *arguments: str, stdin: bytes = b"", codes: Sequence[int] = (0,)) -> bytes:
    """What Git prints, run in `root`.

    Raises:
        MxError: it is not installed, or says no; with what it said.
    """
    # A hook of Git exports where its own repository is; mx asks about the one around `root`.
    environment = {key: value for key, value in os.environ.items() if key not in _LOCAL}
    command = ["git", "-c", "core.quotepath=off", *arguments]
    try:
        done = subprocess.run(
            command, cwd=root, input=stdin, capture_output=True, check=False, env=environment
        )
    except OSError as error:
        raise MxError(
            f"{root} is in a Git repository, and Git cannot be run: {error.strerror}.",
            hint="Install Git: mx asks it what became of files that are missing or changed.",
        ) from error
    if done.returncode not in codes:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise MxError(
            f"Git cannot say what it knows of {root} (`git {arguments[0]}`, exit code {done.returncode}): {said}"
        )
    return done.stdout


# `git rev-parse --local-env-vars`
_LOCAL = frozenset([
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_CONFIG", "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS", "GIT_DIR", "GIT_GRAFT_FILE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX", "GIT_NO_REPLACE_OBJECTS", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE", "GIT_WORK_TREE",
])  # fmt: skip


@lru_cache(maxsize=8)
def has_commits(root: Path) -> bool:
    """Whether the project is in a repository that has a commit."""
    return in_repository(root) and bool(git(root, "rev-parse", "--verify", "--quiet", "HEAD", codes=(0, 1)))


def absence(root: Path, path: str) -> Absence:
    """Why the file at `path`, relative to `root`, is not there."""
    if not in_repository(root):
        return "unknown"
    return "away" if path in tracked(root) else "deleted"


@lru_cache(maxsize=8)
def tracked(root: Path) -> dict[str, str]:
    """Git's tag for each path of its index below `root`: "S" where a sparse checkout leaves the file out."""
    if not in_repository(root):
        return {}
    fields = git(root, "ls-files", "-z", "-t", "--", ".").decode("utf-8", "surrogateescape").split("\0")
    return {field[2:]: field[0] for field in fields if field}


def ignored(root: Path, paths: Iterable[str]) -> list[str]:
    """Those of `paths` that Git ignores; nothing has to be there yet."""
    wanted = sorted(set(paths))
    if not wanted or not in_repository(root):
        return []
    names = "\0".join(wanted).encode("utf-8", "surrogateescape")
    found = git(root, "check-ignore", "-z", "--stdin", stdin=names, codes=(0, 1))
    return [name for name in found.decode("utf-8", "surrogateescape").split("\0") if name]


def stored(root: Path, path: str, data: bytes) -> bytes:
    """`data` as Git would store it at `path`, as far as the ends of lines go: with LF where its settings say so."""
    if b"\r\n" not in data or not in_repository(root):
        return data
    plain = data.replace(b"\r\n", b"\n")
    return plain if _hash(root, path, data) == _blob(root, plain) else data


def same(root: Path, path: str, one: bytes, other: bytes) -> bool:
    """Whether Git would store the same for both at `path`: its attributes, filters and settings decide."""
    if one == other:
        return True
    if not in_repository(root) or not _may_convert(root, path):
        return False
    return _hash(root, path, one) == _hash(root, path, other)


@lru_cache(maxsize=1)
def heeds_modes(root: Path) -> bool:
    """Whether Git looks at the executable bit here (`core.fileMode`)."""
    if not in_repository(root):
        return True
    return git(root, "config", "--type=bool", "core.fileMode", codes=(0, 1)).strip() != b"false"


@lru_cache(maxsize=1024)
def _may_convert(root: Path, path: str) -> bool:
    attributes = ("text", "eol", "crlf", "filter", "ident", "working-tree-encoding")
    fields = git(root, "check-attr", "-z", *attributes, "--", path).split(b"\0")
    if set(fields[2::3]) - {b"unspecified", b"unset"}:
        return True
    return git(root, "config", "core.autocrlf", codes=(0, 1)).strip() in (b"true", b"input")


@lru_cache(maxsize=256)
def _hash(root: Path, path: str, data: bytes) -> str:
    return git(root, "hash-object", "--stdin", f"--path={path}", stdin=data).decode().strip()


def _blob(root: Path, data: bytes) -> str:
    kind = hashlib.sha256 if _object_format(root) == "sha256" else hashlib.sha1
    return kind(b"blob %d\0" % len(data) + data).hexdigest()


@lru_cache(maxsize=8)
def _object_format(root: Path) -> str:
    return git(root, "rev-parse", "--show-object-format").decode().strip()


def forget() -> None:
    """Drop what was learned (for tests that change a repository in one process)."""
    for cached in (tracked, has_commits, heeds_modes, _may_convert, _hash, _object_format):
        cached.cache_clear()
