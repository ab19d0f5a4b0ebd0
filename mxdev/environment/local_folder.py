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
from mxdev.system.files import private
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
    """Make the alias of the project, if it needs one.

    Raises:
        MxError: it cannot be made, or leads elsewhere.
    """
    root = root.resolve()
    alias = plain(root)
    if alias != root:
        try:
            private.make_folder(alias.parent)
            with contextlib.suppress(FileExistsError):
                alias.symlink_to(root, target_is_directory=True)
            if alias.readlink() == root:
                return
            reason = f"it leads to {alias.readlink()}"
        except OSError as problem:
            reason = problem.strerror or str(problem)
        raise MxError(
            f"{root} is addressed through the link {alias}, which cannot be used: {reason}.",
            hint="Remove that link, and run the command again.",
        )


def through(root: Path, path: Path) -> Path:
    """`path`, by way of the alias if it is below a project that needs one."""
    root = root.resolve()
    inside = path.parent.resolve() / path.name
    if plain(root) != root and inside.is_relative_to(root):
        return plain(root) / inside.relative_to(root)
    return path


FOLDER = ".mlflow"
# What mx and MLflow write there by name.
_WRITTEN = (".gitignore", "artifacts", "mlflow.db", "mlflow.db-journal", "mlflow.db-wal", "mlflow.db-shm", "store.lock", "connection.json")  # fmt: skip


def private_folder(root: Path) -> Path:
    """Make the folder of the project's store, ignored by Git wherever it is.

    Raises:
        MxError: it cannot be made, or it or what mx uses in it is a symbolic link, which may lead anywhere.
    """
    folder = root.resolve() / FOLDER
    try:
        folder.mkdir(exist_ok=True)
        refuse_links(folder)
        with (
            contextlib.suppress(FileExistsError),
            (folder / ".gitignore").open("x", encoding="utf-8") as ignore,
        ):
            ignore.write("*\n")
    except OSError as problem:
        raise MxError(f"{folder} cannot be made: {problem.strerror or problem}.") from problem
    return folder


def refuse_links(folder: Path) -> None:
    """Refuse a folder of the store that leads elsewhere, or in which something does that mx or MLflow would write through.

    Raises:
        MxError: names the link, and where it leads.
    """
    for place in (folder, *(folder / name for name in _WRITTEN)):
        if place.is_symlink():
            raise MxError(
                f"{place} is a symbolic link to {place.readlink()}, and what is written there would land elsewhere.",
                hint="Remove the link; to record elsewhere, set MLFLOW_TRACKING_URI.",
            )
