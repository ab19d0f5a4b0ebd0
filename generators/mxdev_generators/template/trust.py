"""Which templates this user lets run commands: a source at a commit, or a folder with just these files. What comes later is
trusted when it was looked at.

Kept with the user, never in a project: a project that came from somebody else must not be able to say that its own
templates are trusted."""

from __future__ import annotations

import json
from pathlib import Path

from mxdev.system.files import private
from mxdev.system.user_dirs import cache_folder


def _place() -> Path:
    return cache_folder() / "trusted-templates.json"


def trusted() -> list[list[str]]:
    """Source and commit (see `Template.identity`) of all that the user has trusted with `--trust`; what cannot be read, or
    could have been written by another user, trusts nobody."""
    try:
        loaded = json.loads(private.read(_place()) or b"")
    except (ValueError, RecursionError):
        return []
    pairs = loaded if isinstance(loaded, list) else []
    return [
        item
        for item in pairs
        if isinstance(item, list) and len(item) == 2 and all(isinstance(part, str) for part in item)
    ]


def trust(source: str, identity: str) -> None:
    """Remember that the user trusts a template as it is now. Where nothing can be written, `--trust` is needed again."""
    known = trusted()
    if [source, identity] not in known:
        private.write(_place(), json.dumps(sorted([*known, [source, identity]]), indent=1).encode())
