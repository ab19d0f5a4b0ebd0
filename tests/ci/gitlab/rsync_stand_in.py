"""A stand-in for rsync where there is none: what gitlab-ci-local asks of it, and nothing else.

`-a [--delete --delete-excluded] [--exclude-from=FILE] [--exclude PATTERN] SOURCE/ TARGET` copies a folder's content;
`-Ra [--exclude PATTERN] PATH... TARGET` copies paths with the folders that they name.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Copy; the exit code."""
    excluded: list[str] = []
    paths: list[str] = []
    relative = False
    words = iter(arguments)
    for word in words:
        if word.startswith("--exclude-from="):
            excluded += Path(word.partition("=")[2]).read_text().splitlines()
        elif word == "--exclude":
            excluded.append(next(words))
        elif word.startswith("--exclude="):
            excluded.append(word.partition("=")[2])
        elif word in ("--delete", "--delete-excluded"):
            continue
        elif word.startswith("-"):
            relative = "R" in word
        else:
            paths.append(word)
    *sources, target = paths
    names = {pattern.strip("/").removesuffix("/**") for pattern in excluded}
    for source in sources:
        base = Path(source)
        if not base.exists():
            print(f"rsync: {source} does not exist", file=sys.stderr)
            return 23
        into = Path(target) / base if relative else Path(target)
        if base.is_file():
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(base, into)
        else:
            copy(base, into, base, names)
    return 0


def copy(folder: Path, into: Path, base: Path, excluded: set[str]) -> None:
    """Copy what is in `folder`, without the paths (relative to `base`) in `excluded`."""
    into.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.relative_to(base).as_posix() in excluded:
            continue
        if path.is_symlink():
            (into / path.name).unlink(missing_ok=True)
            (into / path.name).symlink_to(path.readlink())
        elif path.is_dir():
            copy(path, into / path.name, base, excluded)
        else:
            shutil.copy2(path, into / path.name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
