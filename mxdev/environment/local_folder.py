"""The folder `.mlflow` of a project, and a way around characters in its path that MLflow cannot take.

MLflow hands the place of its store to SQLAlchemy, which cuts it at `?` and whose versions disagree on `%`, and the place
where it is installed itself to Alembic, which refuses a `%`. A project in such a folder is addressed through an alias: a
symbolic link to it in the user's cache folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from pathlib import Path

from mxdev.errors import MxError
from mxdev.system.user_dirs import cache_folder

_ODD = re.compile(r"[%?]")


def plain(root: Path) -> Path:
    """A path of the project at `root` that MLflow can take: `root` itself, or its alias. Nothing is written.

    Raises:
        MxError: the cache folder has such a path as well.
    """
    root = root.resolve()
    if not _ODD.search(str(root)):
        return root
    base = cache_folder() / "projects"
    if _ODD.search(str(base)):
        raise MxError(
            f"{root} has a `%` or `?` in its path, and so has the cache folder {base}; MLflow can open neither.",
            hint="Move the project, or set XDG_CACHE_HOME (or MX_CACHE_DIR) to a folder without them.",
        )
    return base / hashlib.sha256(os.fsencode(root)).hexdigest()[:16]


def make_alias(root: Path) -> None:
    """Make the alias of the project, if it needs one."""
    root = root.resolve()
    alias = plain(root)
    if alias != root:
        alias.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            alias.symlink_to(root, target_is_directory=True)


def through(root: Path, path: Path) -> Path:
    """`path`, by way of the alias if it is below a project that needs one."""
    root = root.resolve()
    inside = path.parent.resolve() / path.name
    if plain(root) != root and inside.is_relative_to(root):
        return plain(root) / inside.relative_to(root)
    return path


FOLDER = ".mlflow"


def private_folder(root: Path) -> Path:
    """Make the folder of the project's store, ignored by Git wherever it is.

    Raises:
        MxError: it cannot be made.
    """
    folder = root.resolve() / FOLDER
    try:
        folder.mkdir(exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as problem:
        raise MxError(f"{folder} cannot be made: {problem.strerror or problem}.") from problem
    return folder
