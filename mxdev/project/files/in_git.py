"""What Git knows of a project's files: which it tracks, which it ignores, and what it would store of what is on the disk.

Nothing here is asked of Git before a file differs from what mx rendered, or is not there. Where the project is in no repository
all answers are those of a folder without Git; where Git does not answer, that is an error.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mxdev.project.files import encodings
from mxdev.system import console
from mxdev.system.files import plain

if TYPE_CHECKING:
    from mxdev.system import git

Absence = Literal["deleted", "away", "unknown"]
"""Why a file is not there: Git knows it no more; Git has it still; nobody can tell."""

ABSENT: dict[Absence, str] = {
    "deleted": "you deleted it",
    "away": "it is not here, and Git has it: it is updated when it is back",
    "unknown": "it is missing",
}


@lru_cache(maxsize=8)
def repository(root: Path) -> git.Repository | None:
    """The repository that the project is in; None where there is none, or no Git, which is said.

    Raises:
        GitError: there is one, and Git does not answer.
    """
    from mxdev.system import git

    try:
        return git.find(root)
    except git.NoGit:
        console.warn(
            "Git is not installed, so mx cannot tell what it has of files that are missing, renamed or changed."
        )
        return None


def absence(root: Path, path: str) -> Absence:
    """Why the file at `path`, relative to `root`, is not there."""
    if repository(root) is None:
        return "unknown"
    return "away" if path in tracked(root) else "deleted"


@lru_cache(maxsize=8)
def tracked(root: Path) -> dict[str, str]:
    """Git's tag for each path of its index below `root`: "S" where a sparse checkout leaves the file out."""
    found = repository(root)
    if found is None:
        return {}
    from mxdev.system import git

    where = git.literal(found.prefix) if found.prefix else "."
    rows = os.fsdecode(found.ask("ls-files", "-z", "-t", "--", where).out).split("\0")
    return {row[2:].removeprefix(found.prefix): row[0] for row in rows if row}


def ignored(root: Path, paths: Iterable[str]) -> list[str]:
    """Those of `paths` that Git ignores; nothing has to be there yet."""
    wanted, found = sorted(set(paths)), repository(root)
    if not wanted or found is None:
        return []
    names = os.fsencode("\0".join(found.prefix + path for path in wanted))
    answer = found.ask("check-ignore", "-z", "--stdin", input=names, ok=(0, 1))
    return [name.removeprefix(found.prefix) for name in os.fsdecode(answer.out).split("\0") if name]


def would_ignore(root: Path, rules: Mapping[str, bytes], paths: Iterable[str]) -> set[str]:
    """Those of `paths` that Git ignores, once the project has these `.gitignore` files; whether or not it is in a repository yet.

    Args:
        root: the project's folder, which may not be there yet.
        rules: the `.gitignore` files by path.
        paths: relative to `root`.
    """
    from mxdev.system import git

    wanted = sorted(set(paths))
    found = set(ignored(root, wanted)) if root.is_dir() else set()
    if not rules or not wanted:
        return found
    with tempfile.TemporaryDirectory(prefix="mx-ignored-") as name:
        folder = Path(name)
        try:
            repository_of_rules = git.scratch(folder)
        except git.NoGit:
            return found
        for path, text in rules.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text)
        names = os.fsencode("\0".join(wanted))
        answer = repository_of_rules.ask("check-ignore", "-z", "--stdin", input=names, ok=(0, 1))
    return found | {path for path in os.fsdecode(answer.out).split("\0") if path}


def encoding(root: Path, path: str) -> str:
    """The encoding that Git's attributes give the file at `path` on the disk, as they name it; "" for UTF-8 and bytes."""
    found = repository(root)
    if found is None or not _may_encode(found, (found.prefix + path).rpartition("/")[0]):
        return ""
    told = found.ask("check-attr", "-z", "working-tree-encoding", "--", found.prefix + path).out.split(b"\0")[
        2
    ]
    name = told.decode("utf-8", "replace")
    return "" if name.lower() in ("unspecified", "unset", "set", "utf-8", "utf8") else name


@lru_cache(maxsize=1024)
def _may_encode(found: git.Repository, folder: str) -> bool:
    """Whether an attribute of that name stands in a file that has a say about `folder`: most projects have none."""
    if folder and _may_encode(found, folder.rpartition("/")[0]):
        return True
    places = [found.top / folder / ".gitattributes"]
    if not folder:
        private = found.ask("rev-parse", "--git-path", "info/attributes").out.removesuffix(b"\n")
        places.append(found.top / os.fsdecode(private))
    for place in places:
        with contextlib.suppress(OSError):
            if b"working-tree-encoding" in plain.read(place, _ATTRIBUTES):
                return True
    return False


_ATTRIBUTES = 100 << 20  # Git reads no more


def stored(root: Path, path: str, data: bytes) -> bytes:
    """`data` as Git would store it at `path`, as far as ends of lines and encoding go: LF and UTF-8 where its settings say so."""
    encoded = encodings.marked(data) or encoding(root, path)
    if b"\r\n" not in data and not encoded:
        return data
    found, text = repository(root), encodings.decoded(data, encoded) if encoded else data
    if found is None or text is None:
        return data
    text = text.replace(b"\r\n", b"\n")
    return text if text == data or stores(root, path, data, text) else data


def stores(root: Path, path: str, data: bytes, text: bytes) -> bool:
    """Whether Git would store the bytes `text` for a file at `path` that holds `data`."""
    found = repository(root)
    return data == text if found is None else _hash(found, path, data) == _blob(found, text)


def same(root: Path, path: str, one: bytes, other: bytes) -> bool:
    """Whether Git would store the same for both at `path`: its attributes, filters and settings decide.

    A filter that the repository's own configuration names is not run. What such a filter made of a file is known by what Git
    noted of it: the file is as Git left it or saw it last, and what Git stored then is `other`.

    Args:
        root: the project's folder.
        path: relative to `root`.
        one: what stands at `path`.
        other: what it is compared with.
    """
    if one == other:
        return True
    found = repository(root)
    if found is None or not _may_convert(found, path):
        return False
    wanted = _hash(found, path, other)
    return _hash(found, path, one) == wanted or _noted(found, path) == wanted


# Another tag than H: the person told Git not to look (`git update-index --assume-unchanged`).
_ENTRY = re.compile(
    rb"H \d+ ([0-9a-f]+) 0\t[^\0]*\0\s*ctime: (\d+):(\d+)\s*mtime: (\d+):(\d+)\s*dev: \d+\s*ino: (\d+)\s*"
    rb"uid: \d+\s*gid: \d+\s*size: (\d+)"
)


def _noted(found: git.Repository, path: str) -> str:
    """The hash that Git has of a filtered file which did not change since; "" where it has none, or was told not to look."""
    from mxdev.system import git

    name = git.literal(found.prefix + path)
    filtered = found.ask("check-attr", "-z", "filter", "--", found.prefix + path).out.split(b"\0")[2]
    if filtered in (b"unspecified", b"unset"):
        return ""
    shown = found.ask("ls-files", "-z", "-v", "--stage", "--debug", "--", name).out
    entry = _ENTRY.match(shown)
    index = found.ask("rev-parse", "--git-path", "index").out.removesuffix(b"\n")
    if entry is None:
        return ""
    try:
        now = os.stat(found.top / found.prefix / path, follow_symlinks=False)  # noqa: PTH116
        # As Git does, but to the nanosecond: what was written after the index was, or as it was, may differ.
        settled = (found.top / os.fsdecode(index)).stat().st_mtime_ns > now.st_mtime_ns
    except OSError:
        return ""
    seen = [int(part) for part in entry.groups()[1:]]
    times = [*divmod(now.st_ctime_ns, 10**9), *divmod(now.st_mtime_ns, 10**9)]
    unchanged = [*times, now.st_ino & 0xFFFFFFFF, now.st_size & 0xFFFFFFFF] == seen
    return entry[1].decode() if unchanged and settled else ""


def heeds_modes(root: Path) -> bool:
    """Whether Git looks at the executable bit here (`core.fileMode`)."""
    found = repository(root)
    return found is None or _setting(found, "core.fileMode", "--type=bool") != "false"


_CONVERTING = ("text", "eol", "crlf", "filter", "ident", "working-tree-encoding")


@lru_cache(maxsize=1024)
def _may_convert(found: git.Repository, path: str) -> bool:
    fields = found.ask("check-attr", "-z", *_CONVERTING, "--", found.prefix + path).out.split(b"\0")
    if set(fields[2::3]) - {b"unspecified", b"unset"}:
        return True
    return _setting(found, "core.autocrlf") in ("true", "input")


@lru_cache(maxsize=8)
def _setting(found: git.Repository, name: str, *kind: str) -> str:
    return found.ask("config", *kind, name, ok=(0, 1)).out.decode().strip()


@lru_cache(maxsize=256)
def _hash(found: git.Repository, path: str, data: bytes) -> str:
    return (
        found.ask("hash-object", "--stdin", f"--path={found.prefix}{path}", input=data).out.decode().strip()
    )


def _blob(found: git.Repository, data: bytes) -> str:
    kind = hashlib.sha256 if _object_format(found) == "sha256" else hashlib.sha1
    return kind(b"blob %d\0" % len(data) + data).hexdigest()


@lru_cache(maxsize=8)
def _object_format(found: git.Repository) -> str:
    return found.ask("rev-parse", "--show-object-format").out.decode().strip()


def forget() -> None:
    """Drop what was learned (for tests that change a repository in one process)."""
    for cached in (repository, tracked, _may_encode, _setting, _may_convert, _hash, _object_format):
        cached.cache_clear()
