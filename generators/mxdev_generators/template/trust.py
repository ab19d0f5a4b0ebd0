"""Whose templates this user lets run commands. Kept with the user, never in a project: a project that came from
somebody else must not be able to say that its own templates are trusted."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from mxdev.system.user_dirs import cache_folder


def _place() -> Path:
    return cache_folder() / "trusted-templates.json"


def trusted() -> list[str]:
    """The addresses that the user has trusted with `--trust`; what cannot be read trusts nobody."""
    try:
        loaded = json.loads(_place().read_bytes())
    except (OSError, ValueError):
        return []
    return [item for item in loaded if isinstance(item, str)] if isinstance(loaded, list) else []


def trust(source: str) -> None:
    """Remember that the user trusts a template. Where nothing can be written, `--trust` is needed again."""
    known = trusted()
    if source in known:
        return
    place = _place()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=place.parent, delete=False, encoding="utf-8") as file:
            json.dump(sorted([*known, source]), file, indent=1)
        Path(file.name).replace(place)
    except OSError:
        return
