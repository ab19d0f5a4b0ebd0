"""The programs that a repository's own configuration names, and the settings that take them away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from mxdev.system.git import running
from mxdev.system.git.errors import GitFailed

_FILTER = re.compile(r"filter\..*\.(clean|smudge|process|required)", re.DOTALL)
_HOOK = re.compile(r"(hook\..*)\.[a-z]+", re.DOTALL)


def neutral(folder: Path) -> tuple[str, ...]:
    """Settings that replace each filter of the repository's own configuration by the person's, or by none, and stop all hooks.

    Raises:
        GitError: Git cannot list its configuration, or a name in it cannot be overruled.
    """
    listed = running.run(folder, ("config", "--list", "-z", "--show-scope"), ok=(0, 129))
    scoped = listed.code == 0
    if not scoped:  # a Git before 2.26 does not say where a setting comes from
        listed = running.run(folder, ("config", "--list", "-z"))
    fields = listed.out.decode("utf-8", "surrogateescape").split("\0")[:-1]
    scopes, rows = (fields[::2], fields[1::2]) if scoped else (["local"] * len(fields), fields)
    trusted: dict[str, str] = {}
    local: set[str] = set()
    for scope, row in zip(scopes, rows, strict=True):
        key, _, value = row.partition("\n")
        if scope == "command":
            continue
        if hook := _HOOK.fullmatch(key):
            local.add(f"{hook[1]}.enabled")
        elif _FILTER.fullmatch(key) and scope in ("system", "global"):
            trusted[key] = value
        elif _FILTER.fullmatch(key):
            local.add(key)
    return tuple(f"{key}={_instead(folder, key, trusted)}" for key in sorted(local))


def _instead(folder: Path, key: str, trusted: Mapping[str, str]) -> str:
    if "=" in key:  # `-c` takes what stands before the first one for the name
        problem = GitFailed(
            f"The configuration of the repository in {folder} has {key!r}, which may run a program.",
            hint=f"Look at it (`git -C {folder} config --local --list`), and remove it.",
        )
        problem.said = f"its configuration has {key!r}"
        raise problem
    if key in trusted:
        return trusted[key]
    return "false" if key.endswith((".required", ".enabled")) else ""
