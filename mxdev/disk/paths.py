"""Paths that may be used in a project: `resolve_inside` stands before every read, write and delete."""

# Strings and os functions on purpose: this is part of a 20 ms budget.
# ruff: noqa: PTH100

from __future__ import annotations

import os
import stat
from pathlib import Path

from mxdev.errors import MxError

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
            longer than 255 bytes, or meets a symbolic link that leads outside the root or nowhere.
    """
    if problem := _problem(path):
        raise MxError(
            f"The path {path!r} is not usable: {problem}.",
            hint="Use a path like `src/data.py`, relative to the project.",
        )
    top = os.path.abspath(root)
    real_top: str | None = None
    at = top
    for part in path.split("/"):
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
    return Path(f"{top}/{path}")


def _problem(path: str) -> str | None:
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
