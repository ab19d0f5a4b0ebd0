"""Where mx keeps what is not the project's: caches and logs of this user."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder of mx (`MX_CACHE_DIR` overrides it); it may not exist yet."""
    chosen = os.environ.get("MX_CACHE_DIR")
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("mx-devtool", appauthor=False)


def log_folder() -> Path:
    """Where the report of a bug in mx is written."""
    return cache_folder() / "log"
