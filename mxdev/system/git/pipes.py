"""What Git would read without an end: a pipe or a device where one of a repository's own files belongs.

Git cannot record one, but an archive can bring one, or a program of another user's can put one there.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from mxdev.system.files import plain

_RULES = (".gitignore", ".gitattributes", ".gitmodules", ".mailmap")
_SMALL = 1 << 20
_SECONDS = 10.0
_MOST_INCLUDED = 200
_SETTING = re.compile(r"(\w+)\s*=\s*([^\n]+?)\s*$", re.MULTILINE)


def first(top: Path) -> Path | None:
    """The first one among the files in `.git` that nearly every command opens; some fifty looks, so it is cheap.

    Args:
        top: the folder with `.git`.
    """
    for folder in _git_folders(top):
        for place in (folder, folder / "info", folder / "objects/info"):
            if found := next(filter(plain.is_endless, _names_in(place)), None):
                return found
    return None


def anywhere(top: Path) -> Path | None:
    """The first one among all the files that Git may open, also those that the configuration names; for ten seconds at most.

    Args:
        top: the folder with `.git`.
    """
    end = time.monotonic() + _SECONDS
    folders = list(_git_folders(top))
    for place in (*_below(folders, end), *_named(top, folders)):
        if plain.is_endless(place):
            return place
    for here, inner, names in os.walk(top):
        if time.monotonic() > end:
            return None
        inner[:] = [name for name in inner if name != ".git"]
        for name in _RULES:
            if name in names and plain.is_endless(Path(here, name)):
                return Path(here, name)
    return None


def _below(folders: list[Path], end: float) -> Iterator[Path]:
    for folder in folders:
        for here, _, names in os.walk(folder):
            if time.monotonic() > end:
                return
            yield from (Path(here, name) for name in names)


def _git_folders(top: Path) -> Iterator[Path]:
    """Where the repository keeps what it knows: for a worktree its own folder and the one that it shares."""
    folder = top / ".git"
    if not folder.is_dir():
        named = _line(folder).removeprefix("gitdir:").strip()
        if not named or "\0" in named:
            return
        folder = top / named
    yield folder
    shared = _line(folder / "commondir")
    if shared and "\0" not in shared:
        yield folder / shared


def _line(path: Path) -> str:
    with contextlib.suppress(OSError):
        return os.fsdecode(plain.read(path, _SMALL)).strip()
    return ""


def _names_in(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _named(top: Path, folders: list[Path]) -> Iterator[Path]:
    """The files that the configuration includes or names, such as `core.excludesFile`; found by their looks.

    What is included may include more.
    """
    waiting = [folder / name for folder in folders for name in ("config", "config.worktree")]
    seen: set[Path] = set()
    while waiting and len(seen) < _MOST_INCLUDED:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        for key, value in _SETTING.findall(_line(file)):
            value = value.replace('"', "")
            if "\0" in value:
                continue
            places = (file.parent / _expanded(value), top / _expanded(value))
            yield from places
            if key.casefold() == "path":
                waiting += places


def _expanded(value: str) -> Path:
    try:
        return Path(value).expanduser()
    except RuntimeError:  # there is no such user
        return Path(value)
