"""Which configuration is in force for a file: the nearest one of the repository, else mx's house style."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mxdev.errors import MxError
from mxdev.system import git
from mxdev.system.files import plain

LARGEST = 1 << 20
"""So many bytes may a configuration have."""
_MOST_NAMED = 100

STYLE = Path(__file__).parent / "style"


def repository(path: Path) -> Path | None:
    """The nearest folder, `path` itself included, that is the top of a Git repository; None if there is none."""
    return git.top(path)


class Configs:
    """Looks for configuration files upwards from a file, and remembers.

    The search ends at the top of the Git repository, else of the mx project, else of the disk: what lies above a
    repository is not shared with the colleagues and CI, and so would give everybody other findings.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, Path], Path | None] = {}

    def nearest(
        self, file: Path, names: Sequence[str], accept: Callable[[Path], bool] = lambda path: True
    ) -> Path | None:
        """The nearest file with one of `names` that `accept` takes, from the file's folder upwards; earlier names win."""
        return self._nearest(file.parent, names, accept)

    def group(
        self, files: Iterable[Path], names: Sequence[str], accept: Callable[[Path], bool] = lambda path: True
    ) -> dict[Path | None, list[Path]]:
        """`files` by their configuration; those that have none under None."""
        groups: dict[Path | None, list[Path]] = {}
        for file in files:
            groups.setdefault(self.nearest(file, names, accept), []).append(file)
        return groups

    def _nearest(self, folder: Path, names: Sequence[str], accept: Callable[[Path], bool]) -> Path | None:
        key = (names[0], folder)
        if key not in self._found:
            here = (folder / name for name in names)
            found = next((path for path in here if path.is_file() and accept(path)), None)
            if found is None and not _is_top(folder):
                found = self._nearest(folder.parent, names, accept)
            self._found[key] = found
        return self._found[key]


def check(
    config: Path | None, named: Callable[[Path, bytes], Iterable[Path]] = lambda file, data: ()
) -> None:
    """Nothing, if a linter comes to an end with this configuration and those that it names; else it would wait, or read for minutes.

    What is not there, or is not in the linter's language, the linter itself says best.

    Args:
        config: the configuration; None: mx's own.
        named: the configurations that one names, given its place and its bytes.

    Raises:
        MxError: one of them is a pipe or a device, or too large.
    """
    waiting = [] if config is None else [config]
    seen: set[Path] = set()
    while waiting and len(seen) < _MOST_NAMED:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        try:
            data = plain.read(file, LARGEST)
        except OSError as error:
            if plain.is_endless(file) or error.errno == errno.EFBIG:
                raise MxError(
                    f"the configuration {file} cannot be read: {error.strerror}.",
                    hint=f"Put a file there, or take what names it out of {config}.",
                ) from error
            continue
        waiting += named(file, data)


def _is_top(folder: Path) -> bool:
    if folder == folder.parent or (folder / ".git").exists():
        return True
    return (folder / "mx.yaml").is_file() and repository(folder) is None
