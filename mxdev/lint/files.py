"""Which files `mx lint` looks at."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mxdev.errors import UsageProblem
from mxdev.lint.configs import repository

# Folders that hold no source of this project. Naming one, or something in it, makes it count all the same.
SKIPPED = frozenset(
    (".git", ".hg", ".svn", ".venv", "node_modules", ".terraform", "__pycache__", ".tox", ".nox",
     ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints")
)  # fmt: skip
SKIPPED_STATE = frozenset(("pristine", "private", "undo", "journal"))  # below .mx/


@dataclass(frozen=True)
class Selection:
    """What was asked for, and what that comes to.

    Attributes:
        files: absolute, sorted, each once.
        named: the files and folders that the person named, absolute.
        root: the repository of all of it, else the project, else the nearest folder above all of it.
        notes: what the person should know about files that are not looked at.
        unread: the folders that cannot be read, each with the reason.
    """

    files: tuple[Path, ...]
    named: tuple[Path, ...]
    root: Path
    notes: tuple[str, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()

    def covers(self, path: Path) -> bool:
        """Whether `path` was named, or a folder above it."""
        return any(path == one or one in path.parents for one in self.named)


@dataclass
class _Found:
    files: set[Path] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)


def select(paths: Sequence[str], cwd: Path) -> Selection:
    """The files below `paths`; none means `cwd`.

    A file that is named counts, whatever it is. In a folder count, in a Git repository, the files that Git knows or
    would add (`.gitignore` holds), elsewhere all; links and the folders in `SKIPPED` are left out.

    Raises:
        UsageProblem: a path is not there.
    """
    named = tuple(dict.fromkeys(Path(os.path.abspath(cwd / path)) for path in paths or (".",)))  # noqa: PTH100
    found = _Found()
    for given, path in zip(paths or (".",), named, strict=False):
        if path.is_dir():
            _folder(path, found)
        elif path.is_file():
            found.files.add(path)
        else:
            raise UsageProblem(f"There is no file or folder {given}.", hint=f"Paths start from {cwd}.")
    return Selection(tuple(sorted(found.files)), named, _root(named), tuple(found.notes), tuple(found.unread))


def _root(named: Sequence[Path]) -> Path:
    from mxdev.project.project import find_root

    folders = [path if path.is_dir() else path.parent for path in named]
    for look in (repository, find_root):
        tops = {look(folder) for folder in folders}
        if len(tops) == 1 and (top := tops.pop()) is not None:
            return top
    try:
        return Path(os.path.commonpath(folders))
    except ValueError:  # two drives
        return folders[0]


def _folder(folder: Path, found: _Found) -> None:
    listed = _from_git(folder, found) if repository(folder) else None
    if listed is None:
        found.files.update(_walk(folder, found))
        return
    skipped: dict[Path, bool] = {folder: False}
    nested: list[str] = []
    for path in listed:
        if _is_skipped(path.parent, skipped):
            continue
        kind = _kind(path)
        if kind == "file":
            found.files.add(path)
        elif kind == "folder":
            nested.append(os.path.relpath(path, folder))
    if nested:
        more = f" and {len(nested) - 3} more" if len(nested) > 3 else ""
        found.notes.append(
            f"not looked into, since each is a Git repository of its own: {', '.join(nested[:3])}{more}. "
            "Name a folder to check it."
        )


def _from_git(folder: Path, found: _Found) -> list[Path] | None:
    """What Git lists below `folder`; None where it cannot be asked, and where it ignores the folder as a whole."""
    from mxdev.system import git

    try:
        inside = git.find(folder)
        if inside is None:
            return None
        where = git.literal(inside.prefix) if inside.prefix else "."
        result = inside.ask("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", where).out
        names = [os.fsdecode(name).removeprefix(inside.prefix) for name in result.split(b"\0") if name]
        # A folder that is ignored as a whole was named by the person, so it counts.
        if not names and inside.prefix:
            asked = inside.ask("check-ignore", "--quiet", "--", inside.prefix.rstrip("/"), ok=(0, 1))
            return None if asked.code == 0 else []
    except git.GitError as error:
        found.notes.append(f".gitignore is not respected in {folder}: {error.said}")
        return None
    return [folder / name for name in names]


def _walk(folder: Path, found: _Found) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        found.unread.append((str(error.filename), f"nothing in it is checked: {error.strerror}"))

    for here, folders, names in os.walk(folder, onerror=unreadable):
        place = Path(here)
        folders[:] = sorted(name for name in folders if not _skip_folder(place / name))
        yield from (path for path in map(place.joinpath, names) if _kind(path) == "file")


def _is_skipped(folder: Path, known: dict[Path, bool]) -> bool:
    if folder not in known:
        known[folder] = _is_skipped(folder.parent, known) or _skip_folder(folder)
    return known[folder]


def _skip_folder(folder: Path) -> bool:
    if folder.name in SKIPPED or (folder.name in SKIPPED_STATE and folder.parent.name == ".mx"):
        return True
    return (folder / "pyvenv.cfg").exists()  # a virtual environment by another name


def _kind(path: Path) -> str:
    """ "file", "folder", or "other": a link, which is looked at where it leads to; a pipe; a file that is gone."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return "other"
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def projects(selection: Selection) -> list[Path]:
    """The roots of the mx projects that the selection lies in or contains."""
    from mxdev.project.project import find_root

    folders: Iterable[Path] = (path if path.is_dir() else path.parent for path in selection.named)
    roots = {root for folder in folders if (root := find_root(folder)) is not None}
    # Another program may have an `mx.yaml` too; below a folder that was named only one with `.mx/` is ours.
    roots.update(f.parent for f in selection.files if f.name == "mx.yaml" and (f.parent / ".mx").is_dir())
    return sorted(roots)
