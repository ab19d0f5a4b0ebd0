"""What may go wrong with Git: its errors, and their sentences."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from mxdev.errors import MxError
from mxdev.system.git import timeout


class GitError(MxError):
    """Git could not answer. `said` is Git's own first line, or what mx knows of the reason."""

    said = ""


class NoGit(GitError):
    """Git is not installed."""


class NotOurs(GitError):
    """The repository belongs to another user, so Git (and mx) does not look into it."""


class GitFailed(GitError):
    """Git ran and failed, or did not run to its end."""


def failed(folder: Path | None, arguments: tuple[str, ...], code: int, words: str) -> GitFailed:
    """That Git ended with `code`; `words` is what it said."""
    place = "" if folder is None else f" in {folder}"
    problem = GitFailed(
        f"`git {verb(arguments)}` failed{place}: {words or f'exit code {code}'}",
        hint=None if folder is None else "Put the repository right, and try again.",
    )
    problem.said = words or f"git {verb(arguments)} exited with {code}"
    return problem


def slow(folder: Path | None, arguments: Collection[str], limit: float) -> GitFailed:
    """That Git was stopped after `limit` seconds; without a folder, it talked to a server."""
    place = "" if folder is None else f" in {folder}"
    problem = GitFailed(
        f"`git {verb(arguments)}`{place} did not end within {limit:g} seconds, and was stopped.",
        hint=(
            "Look whether the server answers; a large repository" if folder is None else
            f"See how long `git -C {folder} {verb(arguments)}` takes by itself; a large repository or a slow disk"
        ) + f" may need more: set {timeout.SETTING} to so many seconds, or to 0 for no limit.",
    )  # fmt: skip
    problem.said = f"git {verb(arguments)} did not end within {limit:g} seconds"
    return problem


def waits(path: Path) -> GitFailed:
    """That Git would wait for what it reads at `path`."""
    problem = GitFailed(
        f"{path} is a pipe or a device, and no file, so Git would wait for it without an end.",
        hint="Remove it, or put back the file that belongs there.",
    )
    problem.said = f"{path} is a pipe or a device"
    return problem


def verb(arguments: Collection[str]) -> str:
    """The command among Git's arguments, such as `status`."""
    return next((word for word in arguments if not word.startswith("-")), "")
