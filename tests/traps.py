"""A repository that would run a program at every turn, and variables that lie about where it is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

WHO = ("-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")


def plain_git(folder: Path, *arguments: str) -> str:
    """Git as a person runs it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *WHO, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


class Trap:
    """A program that leaves a mark when it is run.

    Attributes:
        mark: the file that it leaves.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.mark = folder / "ran"
        self.program = folder / "trap.sh"
        self.program.write_text(f'#!/bin/sh\necho "$0 $*" >> {self.mark}\ncat\n')
        self.program.chmod(0o755)
        self._folder = folder

    @property
    def ran(self) -> str:
        """What was run, a line each; "" for nothing."""
        return self.mark.read_text() if self.mark.exists() else ""

    def arm(self, root: Path) -> None:
        """Make the configuration and the hooks of the repository at `root` run the program wherever Git lets them."""
        hooks = self._folder / "hooks"
        hooks.mkdir(exist_ok=True)
        for place in (hooks, root / ".git" / "hooks"):
            place.mkdir(exist_ok=True)
            for name in (
                "post-index-change",
                "post-checkout",
                "pre-commit",
                "reference-transaction",
                "post-commit",
            ):
                (place / name).write_text(f"#!/bin/sh\necho hook {name} >> {self.mark}\n")
                (place / name).chmod(0o755)
        settings = {
            "core.fsmonitor": self.program, "core.hooksPath": hooks, "core.pager": self.program, "pager.log": "true",
            "core.sshCommand": self.program, "diff.external": self.program, "diff.evil.textconv": self.program,
            "diff.evil.command": self.program, "filter.evil.clean": self.program, "filter.evil.smudge": self.program,
            "filter.evil.required": "true", "alias.ls-files": f"!{self.program}", "log.showSignature": "true",
            "gpg.program": self.program, "protocol.ext.allow": "always", "status.showUntrackedFiles": "no",
            "diff.noprefix": "true", "diff.renames": "false", "color.ui": "always",
        }  # fmt: skip
        for name, value in settings.items():
            plain_git(root, "config", name, str(value))
        attributes = root / ".git" / "info" / "attributes"
        attributes.parent.mkdir(exist_ok=True)
        attributes.write_text("* filter=evil diff=evil\n")
        for path in root.rglob("*"):  # Git must look at the content again
            if path.is_file() and ".git" not in path.parts:
                os.utime(path, (1, 1))

    def bury(self, folder: Path) -> None:
        """Make `folder` look like a bare repository, as a clone may bring it."""
        other = self._folder / "buried"
        other.mkdir()
        plain_git(other, "init", "--quiet")
        (other / "a").write_text("a\n")
        plain_git(other, "add", "a")
        plain_git(other, "commit", "--quiet", "-m", "buried")
        for name in ("HEAD", "objects", "refs", "index"):
            subprocess.run(["cp", "-r", str(other / ".git" / name), str(folder / name)], check=True)
        (folder / "config").write_text(
            f'[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n\tfsmonitor = "{self.program}"\n'
        )


def lies(folder: Path) -> dict[str, str]:
    """Variables as a hook sets them, all about another repository."""
    folder.mkdir()
    plain_git(folder, "init", "--quiet")
    (folder / "another.txt").write_text("x\n")
    plain_git(folder, "add", ".")
    plain_git(folder, "commit", "--quiet", "-m", "another")
    where = folder / ".git"
    return {
        "GIT_DIR": str(where), "GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": str(where / "index"), "GIT_PREFIX": "x/",
        "GIT_OBJECT_DIRECTORY": str(where / "objects"), "GIT_COMMON_DIR": str(where), "GIT_NAMESPACE": "x",
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.worktree", "GIT_CONFIG_VALUE_0": str(folder),
        "GIT_EXTERNAL_DIFF": "false", "GIT_LITERAL_PATHSPECS": "1", "GIT_CEILING_DIRECTORIES": str(folder.parent),
    }  # fmt: skip
