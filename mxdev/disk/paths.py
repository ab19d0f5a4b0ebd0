"""Paths that may be used in a project: `resolve_inside` stands before every read, write and delete."""

# Strings and os functions on purpose: this is part of a 20 ms budget.
# ruff: noqa: PTH100

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from mxdev.errors import MxError
from mxdev.system.output.visible import visible

OF_GIT = "it is Git's own"
UNDO_IGNORED = ".mx/undo/.gitignore"
"""What hides the undo from Git where `.mx/.gitignore` is gone: the one file in there that a plan may write."""
# Characters that file systems ignore in names (HFS+), so that they may stand in a `.git` that is one all the same.
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_LONGEST = 255  # bytes in one name; the limit of ext4, APFS, NTFS and Btrfs


def resolve_inside(root: Path, path: str) -> Path:
    """The absolute path of `path` inside `root`.

    A link on the way that leads to another place inside the root is followed; the path that is given back still
    has the link in it, since that is the name a person knows.

    Args:
        root: the folder that must not be left.
        path: relative, parts separated by "/", as it is written in templates, options, state and plugins.

    Raises:
        MxError: the path is empty, absolute, has "..", ".", an empty part, a backslash, a drive or a NUL, a part
            longer than 255 bytes, is Git's own, or meets a symbolic link that leads outside the root, into `.git` or nowhere.
    """
    if problem := problem_of(path):
        raise MxError(
            f"The path {path!r} is not usable: {problem}.",
            hint="Use a path like `src/data.py`, relative to the project.",
        )
    top = os.path.abspath(root)
    real_top: str | None = None
    at = top
    parts = path.split("/")
    for number, part in enumerate(parts, 1):
        at = f"{at}/{part}"
        try:
            mode = os.lstat(at).st_mode
        except (FileNotFoundError, NotADirectoryError):
            break  # nothing is there, so nothing below it either
        except OSError as error:
            raise MxError(f"Cannot look at {at}: {error.strerror}.") from error
        if stat.S_ISLNK(mode):
            real_top = real_top or os.path.realpath(top)
            at = _follow(at, real_top, path)
            refuse_own("/".join([at[len(real_top.rstrip("/")) + 1 :], *parts[number:]]), path)
    return Path(f"{top}/{path}")


def is_git(part: str) -> bool:
    """Whether a part of a path is Git's folder, however file systems let it be spelled (`.GIT`, `git~1`, `.git.`)."""
    if part.isascii() and "git" not in part.casefold():
        return False
    plain = _IGNORED.sub("", part).partition(":")[0].rstrip(". ").casefold()
    return plain in (".git", "git~1")


def refuse_own(path: str, name: str | None = None) -> None:
    """Refuse a path that no plan and no journal may change: Git's, and what mx keeps for itself while it works.

    Args:
        path: relative to the root, links followed.
        name: what a person knows it by, if that is another path.

    Raises:
        MxError: with the path.
    """
    parts = path.split("/")
    of_mx = [part.casefold() for part in parts[:2]]
    own = of_mx[0] == ".mx" and of_mx[1:] in ([], ["journal"], ["undo"], ["lock"]) and path != UNDO_IGNORED
    if own or any(map(is_git, parts)):
        whose = "mx's" if own else "Git's"
        leads = f"leads to {path}, which" if name is not None else "is not usable: it"
        raise MxError(f"The path {name or path!r} {leads} is {whose} own, and no plan may change it.")


def problem_of(path: str) -> str | None:
    """Why a path is not a plain path inside a project, in words; None if it is one. Nothing is looked at."""
    if not path:
        return "it is empty"
    if "\0" in path:
        return "it contains a NUL character"
    if "\\" in path:
        return "it contains a backslash"
    if path.startswith("/"):
        return "it is absolute"
    if path[1:2] == ":" and path[0].isascii() and path[0].isalpha():
        return "it begins with a drive"
    for part in path.split("/"):
        if is_git(part):
            return OF_GIT
        if part == "..":
            return 'it contains ".."'
        if part in ("", "."):
            return "it has an empty part"
        try:
            length = len(os.fsencode(part))
        except UnicodeEncodeError:
            return "it has characters that no file name can have"
        if length > _LONGEST:
            return f"one of its parts is longer than {_LONGEST} bytes"
    return None


def unseen(path: str) -> str | None:
    """Why a path cannot be shown, and so not be recorded, in words; None if it can."""
    if any("\ud800" <= character <= "\udfff" for character in path):
        return "its bytes are no UTF-8"
    # A tab is an odd letter in a name, but it shows; a line break would make a line of its own.
    return "it has characters that do not show" if "\n" in path or visible(path) != path else None


def _follow(link: str, real_top: str, path: str) -> str:
    hint = f"Remove the link {link} or point it at something inside the project, then run again."
    try:
        place = os.path.realpath(link, strict=True)
    except OSError as error:
        raise MxError(
            f"The path {path!r} passes a symbolic link that leads nowhere: {link}.", hint=hint
        ) from error
    if place != real_top and not place.startswith(real_top.rstrip("/") + "/"):
        raise MxError(
            f"The path {path!r} leaves {real_top}: {link} is a symbolic link to {place}.", hint=hint
        )
    return place
