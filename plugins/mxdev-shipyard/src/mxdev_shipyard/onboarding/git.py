"""Git for steps: in folders of their own, never asking, with the token of the environment."""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mxdev.errors import MxError

TOKEN = "GITLAB_TOKEN"  # noqa: S105 (a variable's name)
_TRIES = 5
# What Git says when somebody else's commit is there that this clone does not have.
_QUICKER = (
    "fetch first",
    "non-fast-forward",
    "cannot lock ref",
    "failed to update ref",
    "incorrect old value",
)
_REFUSALS = (
    (
        ("protected branch", "pre-receive hook declined", "not allowed to push"),
        "the branch is protected",
        f"Let the owner of {TOKEN} push to it (Settings > Repository > Protected branches), or use another token.",
    ),
    (
        (
            "authentication failed",
            "could not read username",
            "returned error: 403",
            "returned error: 401",
            "access denied",
        ),
        f"{TOKEN} does not let it in",
        "Make a token with the scope write_repository, of somebody who is at least Developer there.",
    ),
    (
        ("not found", "does not appear to be a git repository"),
        "there is no such repository, or the token may not see it",
        "Look at its address in shipyard.yaml.",
    ),
)
_ELSEWHERE = f"The server leads to another address, which is not sent {TOKEN}: name that one in shipyard.yaml, if it is yours."
_AUTHOR = ("Shipyard", "shipyard@localhost")


def run(*arguments: str, cwd: Path | None = None) -> str:
    """What `git` prints.

    Raises:
        MxError: it failed; what it said is in the message.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    for role in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{role}_NAME": _AUTHOR[0], f"GIT_{role}_EMAIL": _AUTHOR[1]}
    if token := os.environ.get(TOKEN):  # by the environment: arguments are for everybody to read
        encoded = base64.b64encode(f"oauth2:{token}".encode()).decode()
        environment |= {
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {encoded}",
            # Git would ask the host that it is led to with the same header.
            "GIT_CONFIG_KEY_1": "http.followRedirects",
            "GIT_CONFIG_VALUE_1": "false",
        }
    command = ["git", "-c", "init.defaultBranch=main", "-c", "core.hooksPath=/dev/null", *arguments]
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, check=True, timeout=120
        )
    except FileNotFoundError:
        raise MxError("git is not installed.", hint="See https://git-scm.com/downloads.") from None
    except subprocess.TimeoutExpired as error:
        raise MxError(f"`git {arguments[0]}` did not end within two minutes.") from error
    except subprocess.CalledProcessError as error:
        hint = _ELSEWHERE if "returned error: 30" in error.stderr else None
        raise MxError(f"`git {arguments[0]}` failed: {error.stderr.strip()}", hint=hint) from error
    return done.stdout


def has_main(address: str) -> bool:
    """Whether the repository at `address` has a branch main."""
    return bool(run("ls-remote", "--", address, "refs/heads/main").strip())


def change(
    address: str, message: str, edit: Callable[[Path], object], say: Any, *, whole: bool = False
) -> None:
    """Change a fresh clone and push it; when somebody else was quicker, once more on top of theirs.

    Raises:
        MxError: it cannot be pushed.
    """
    for left in reversed(range(_TRIES)):
        with tempfile.TemporaryDirectory() as folder:
            root = clone(address, folder, whole=whole)
            edit(root)
            run("add", "--all", cwd=root)
            if not run("status", "--porcelain", cwd=root):
                return
            run("commit", "-q", "-m", message, cwd=root)
            try:
                # What the repository calls its main branch is what is deployed from.
                branch = run("symbolic-ref", "--short", "HEAD", cwd=root).strip()
                run("push", "-q", "origin", f"HEAD:refs/heads/{branch}", cwd=root)
                return
            except MxError as error:
                if not any(sign in error.message for sign in _QUICKER):
                    raise refused(address, error) from error
                if not left:
                    raise MxError(
                        f"Others pushed to {address} {_TRIES} times while this was being pushed.",
                        hint="Nothing of it was changed; run it again.",
                    ) from error
                say("somebody else pushed first; once more")


def refused(address: str, error: MxError) -> MxError:
    """What a push that nobody else is the reason of means, and what to do about it."""
    for signs, meaning, hint in _REFUSALS:
        if any(sign in error.message.lower() for sign in signs):
            return MxError(f"{address} does not take the push: {meaning}.\n{error.message}", hint=hint)
    return error


def clone(address: str, folder: str, *, whole: bool = False) -> Path:
    """A clone in `folder`: of the newest commit, or of the whole history."""
    root = Path(folder) / "manifests"
    run("clone", "-q", *(() if whole else ("--depth=1",)), "--", address, str(root))
    return root
