"""What Git knows of a project's files: which it tracks, which it ignores, and what it would store of what is on the disk.

Nothing here is asked of Git before a file differs from what mx rendered, or is not there. Where the project is in no repository
all answers are those of a folder without Git; where Git cannot answer, that is an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Literal

from mxdev.system import git

Absence = Literal["deleted", "away", "unknown"]
"""Why a file is not there: Git knows it no more; Git has it still; nobody can tell."""

ABSENT: dict[Absence, str] = {
    "deleted": "you deleted it",
    "away": "it is not here, and Git has it: it is updated when it is back",
    "unknown": "it is missing",
}


@lru_cache(maxsize=8)
def _repository(root: Path) -> git.Repository | None:
    """The repository that the project lies in; None: in none.

    Raises:
        MxError: there is one, and Git cannot be asked.
    """
    return git.find(root)


def in_repository(root: Path) -> bool:
    """Whether the project lies in a Git repository, whatever Git thinks of it."""
    return git.top(root.absolute()) is not None


def _ask(root: Path, *arguments: str, stdin: bytes | None = None, ok: Collection[int] = (0,)) -> bytes:
    found = _repository(root)
    return b"" if found is None else found.ask(*arguments, input=stdin, ok=ok).out


def _prefix(root: Path) -> str:
    """From the top of the repository to the project: Git is asked at the top."""
    found = _repository(root)
    return "" if found is None else found.prefix


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
    prefix = _prefix(root)
    out = _ask(root, "ls-files", "-z", "-t", "--", *([git.literal(prefix)] if prefix else []))
    fields = out.decode("utf-8", "surrogateescape").split("\0")
    return {field[2:].removeprefix(prefix): field[0] for field in fields if field}


def ignored(root: Path, paths: Iterable[str]) -> list[str]:
    """Those of `paths` that Git ignores; nothing has to be there yet."""
    wanted = sorted(set(paths))
    if not wanted or not in_repository(root):
        return []
    prefix = _prefix(root)
    names = "\0".join(f"{prefix}{name}" for name in wanted).encode("utf-8", "surrogateescape")
    found = _ask(root, "check-ignore", "-z", "--stdin", stdin=names, ok=(0, 1)).decode(
        "utf-8", "surrogateescape"
    )
    return [name.removeprefix(prefix) for name in found.split("\0") if name]


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
    return _ask(root, "config", "--type=bool", "core.fileMode", ok=(0, 1)).strip() != b"false"


@lru_cache(maxsize=1024)
def _may_convert(root: Path, path: str) -> bool:
    attributes = ("text", "eol", "crlf", "filter", "ident", "working-tree-encoding")
    fields = _ask(root, "check-attr", "-z", *attributes, "--", _prefix(root) + path).split(b"\0")
    if set(fields[2::3]) - {b"unspecified", b"unset"}:
        return True
    return _ask(root, "config", "core.autocrlf", ok=(0, 1)).strip() in (b"true", b"input")


@lru_cache(maxsize=256)
def _hash(root: Path, path: str, data: bytes) -> str:
    return _ask(root, "hash-object", "--stdin", f"--path={_prefix(root)}{path}", stdin=data).decode().strip()


def _blob(root: Path, data: bytes) -> str:
    kind = hashlib.sha256 if _object_format(root) == "sha256" else hashlib.sha1
    return kind(b"blob %d\0" % len(data) + data).hexdigest()


@lru_cache(maxsize=8)
def _object_format(root: Path) -> str:
    return _ask(root, "rev-parse", "--show-object-format").decode().strip()


def forget() -> None:
    """Drop what was learned (for tests that change a repository in one process)."""
    for cached in (_repository, tracked, heeds_modes, _may_convert, _hash, _object_format):
        cached.cache_clear()
