"""Files that are too large for a linter: it would be busy with one for minutes, and take gigabytes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mxdev.lint.rule import Finding
from mxdev.system import git


def divide(files: Iterable[Path], largest: int) -> tuple[list[Path], list[Path]]:
    """The files of at most `largest` bytes, and those that are larger."""
    fitting: list[Path] = []
    large: list[Path] = []
    for file in files:
        (large if size(file) > largest else fitting).append(file)
    return fitting, large


def size(file: Path) -> int:
    """How many bytes a file has; 0 if that cannot be said."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def findings(
    rule: str, files: Sequence[Path], largest: int, root: Path, excluded_in: tuple[str, Path] | None = None
) -> Iterator[Finding]:
    """What is said of the files that are not looked at: nothing of those that `.gitignore` names, also if Git tracks them.

    Args:
        rule: the name of the rule.
        files: the files.
        largest: how many bytes they may have.
        root: the folder from which the message names a configuration.
        excluded_in: the setting that leaves files out, and the configuration with it that is in force for them; None: there
            is none, and one that is made to leave out a file would switch off the house style for all others.
    """
    bound = f"{largest >> 20} MB" if largest >= 1 << 20 else f"{largest >> 10} KB"
    for file in sorted(set(files) - ignored(files)):
        if excluded_in is not None:
            remedy = f"name it under {excluded_in[0]} in {os.path.relpath(excluded_in[1], root)}"
        elif git.top(file.parent) is not None:
            remedy = "name it in .gitignore, which counts here also for a file that Git tracks"
        else:
            remedy = "make a Git repository of the project (`git init`) and name it in .gitignore"
        what = f"more than {bound} are not checked: divide the file, or {remedy}"
        yield Finding(file, 1, 1, f"{rule}/large", "error", what)


def ignored(files: Iterable[Path]) -> set[Path]:
    """The files that `.gitignore` names, also those that Git tracks; none where Git does not answer."""
    found: set[Path] = set()
    for folder in {file.parent for file in files}:
        names = {os.fsencode(file.name): file for file in files if file.parent == folder}
        try:
            repository = git.find(folder)
            if repository is None:
                continue
            prefix = os.fsencode(repository.prefix)
            asked = b"\0".join(prefix + name for name in names)
            answer = repository.ask("check-ignore", "--no-index", "-z", "--stdin", input=asked, ok=(0, 1))
        except git.GitError:
            continue
        found.update(names[name.removeprefix(prefix)] for name in answer.out.split(b"\0") if name)
    return found
