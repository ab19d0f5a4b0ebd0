"""The one way to run Git: in a repository that may be a stranger's, with an environment that may belong to another one.

Nothing that a repository says makes Git run a program here: no hook, no file-system monitor, no filter of its own, no
external diff, no pager, no transport. No variable of the caller's (a hook sets GIT_DIR) leads to another repository, and
no folder inside the tree that looks like a repository is taken for one. What Git answers is bytes, with the settings that
change its output pinned. That Git is missing, that a repository belongs to somebody else, and that Git failed are errors
of their own: none of them means "nothing changed" or "there is no repository".
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from mxdev.errors import MxError
from mxdev.system import programs
from mxdev.system.git import errors, pipes, settings, timeout
from mxdev.system.git.errors import GitError, NoGit, NotOurs

# A submodule is a repository with a configuration of its own, which Git would follow to see whether it is dirty.
_NOT_OUTSIDE = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty")
_FLAGS: Mapping[str, tuple[str, ...]] = {
    "diff": _NOT_OUTSIDE,
    "log": _NOT_OUTSIDE,
    "show": _NOT_OUTSIDE,
    "status": ("--ignore-submodules=dirty",),
}
_SOON = 2.0
_LONG = 30.0
_MOST_WORDS = 3


@dataclass(frozen=True)
class Answer:
    """What Git left: its exit code, its output, and what it said beside it, in one line."""

    code: int
    out: bytes
    words: str = ""


def run(
    folder: Path,
    arguments: tuple[str, ...],
    quiet: Collection[str] = (),
    ok: Collection[int] = (0,),
    input: bytes | None = None,
) -> Answer:
    """Run Git in `folder`, without a transport.

    Args:
        folder: where it runs.
        arguments: the command and what belongs to it; options of Git itself, such as `--git-dir=...`, may come first.
        quiet: more configuration, as "name=value".
        ok: the exit codes that are answers.
        input: what Git reads.

    Raises:
        GitError: Git is missing, does not accept the repository, took too long, or ended with another code.
    """
    command = next(index for index, word in enumerate(arguments) if not word.startswith("-"))
    flags = _FLAGS.get(arguments[command], ())
    words = (*arguments[: command + 1], *flags, *arguments[command + 1 :])
    environment: dict[str, str | None] = {
        name: None for name in os.environ if not settings.is_kept(name, network=False)
    }
    # No transport at all: a repository that lacks objects on purpose would have them fetched, by a program it names.
    environment |= {**settings.always(), "GIT_ALLOW_PROTOCOL": "none"}
    git = _git()
    limit = timeout.seconds()
    if endless := pipes.first(folder):
        raise errors.waits(endless)
    try:
        done = programs.run(
            [*git, *settings.as_arguments(quiet), *words],
            cwd=folder,
            env=environment,
            capture=True,
            input=input,
            timeout=limit,
            looks={
                _SOON: lambda: pipes.anywhere(folder) is not None,
                _LONG: lambda: _tell(folder, arguments, limit),
            },
        )
    except MxError as error:
        if endless := pipes.anywhere(folder):
            raise errors.waits(endless) from error
        if limit is not None and isinstance(error, programs.TooLong):
            raise errors.slow(folder, arguments, limit) from error
        raise errors.failed(folder, arguments, 1, error.message) from error
    return _judged(folder, arguments, done.code, done.stdout, done.stderr, ok)


def reach(home: Path, *arguments: str) -> bytes:
    """Run what talks to a server (clone, fetch, ls-remote), as the person does: with their ssh, proxies and credentials.

    Nobody is asked for a password.

    Args:
        home: a folder of mx's own that is there and is not a repository; it runs there, so that no configuration of a
            project has a part in it.
        arguments: the command; `--git-dir=...` may come first.

    Raises:
        GitError: Git is missing, or failed.
    """
    environment: dict[str, str | None] = dict.fromkeys(settings.misleading(os.environ))
    environment |= {**settings.always(), "GIT_CEILING_DIRECTORIES": os.fspath(home.resolve().parent)}
    git, limit = _git(), timeout.seconds()
    try:
        # In mx's own session: ssh may want to ask for the passphrase of a key.
        done = programs.run(
            [*git, *settings.as_arguments(), *arguments], cwd=home, env=environment, capture=True, terminal=True,
            timeout=limit, looks={_LONG: lambda: _tell(None, arguments, limit)},
        )  # fmt: skip
    except programs.TooLong as error:
        raise errors.slow(None, arguments, limit or 0.0) from error
    except MxError as error:
        raise errors.failed(None, arguments, 1, error.message) from error
    return _judged(None, arguments, done.code, done.stdout, done.stderr, (0,)).out


def _git() -> tuple[str, ...]:
    command = programs.locate("git")
    if command is None:
        problem = NoGit("Git is not installed.", hint=f"Install it: {programs.get('git').install}")
        problem.said = "git is missing"
        raise problem
    return command


def _judged(
    folder: Path | None, arguments: tuple[str, ...], code: int, out: bytes, told: bytes, ok: Collection[int]
) -> Answer:
    """The answer.

    Raises:
        NotOurs, GitFailed: `code` is none of `ok`.
    """
    lines = told.decode("utf-8", "replace").strip().splitlines()
    words = "; ".join(line.removeprefix("fatal: ").removeprefix("error: ") for line in lines[:_MOST_WORDS])
    if code in ok:
        return Answer(code, out, words)
    if folder is not None and re.search(r"dubious ownership|unsafe repository", "\n".join(lines)):
        problem: GitError = NotOurs(
            f"The Git repository in {folder} belongs to another user, so Git does not look into it.",
            hint=f"If you trust it: git config --global --add safe.directory {folder}",
        )
    else:
        problem = errors.failed(folder, arguments, code, words)
    problem.said = lines[0] if lines else f"git exited with {code}"
    raise problem


def _tell(folder: Path | None, arguments: Collection[str], limit: float | None) -> bool:
    from mxdev.system import console

    place = "" if folder is None else f" in {folder}"
    end = "without an end" if limit is None else f"until {limit:g} seconds are over"
    console.status(
        f"`git {errors.verb(arguments)}`{place} has run for {_LONG:g} seconds; mx waits {end} ({timeout.SETTING})."
    )
    return False
