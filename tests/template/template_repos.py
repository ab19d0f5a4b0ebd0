"""Templates for tests: folders and Git repositories made on the spot."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

Files = Mapping[str, str]


class Repository:
    """A Git repository with a template."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        who = {
            f"GIT_{role}_{what}": "t@example.com"
            for role in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        done = subprocess.run(
            ["git", "-c", "commit.gpgsign=false", *arguments], cwd=self.path, env={**os.environ, **who},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, files: Files, tag: str = "") -> str:
        """Add files and commit them; the commit's hash."""
        from mxdev_generators.template import git

        write(self.path, files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", tag or "more")
        if tag:
            self.git("tag", tag)
        git.forget()
        return self.git("rev-parse", "HEAD")


def write(folder: Path, files: Files) -> Path:
    """Write text files below a folder."""
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return folder
