"""Where mx keeps what is not the project's: caches and logs of this user."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder of mx (`MX_CACHE_DIR` overrides it); it may not exist yet."""
    chosen = os.environ.get("MX_CACHE_DIR")
    if chosen:
        return Path(chosen).absolute()
    from platformdirs import user_cache_path

    found = user_cache_path("mx-devtool", appauthor=False)
    # A user without a home folder: `~` must not appear in the project, so there is no cache.
    return found if found.is_absolute() else Path(os.devnull) / "mx-devtool"


def config_folder() -> Path:
    """The user's settings of mx: `MX_CONFIG_DIR`, else `mx` below `XDG_CONFIG_HOME` or `~/.config`; it may not exist."""
    chosen = os.environ.get("MX_CONFIG_DIR")
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CONFIG_HOME", "")
    # The XDG base directory specification has relative paths ignored.
    found = Path(base) if os.path.isabs(base) else Path(os.path.expanduser("~/.config"))  # noqa: PTH111, PTH117
    return found / "mx" if found.is_absolute() else Path(os.devnull) / "mx"


def state_folder() -> Path:
    """What mx keeps of this user between runs: `MX_STATE_DIR`, else `mx-devtool` below `XDG_STATE_HOME` or `~/.local/state`; it may not exist."""
    chosen = os.environ.get("MX_STATE_DIR")
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_STATE_HOME", "")
    found = Path(base) if os.path.isabs(base) else Path(os.path.expanduser("~/.local/state"))  # noqa: PTH111, PTH117
    return found / "mx-devtool" if found.is_absolute() else Path(os.devnull) / "mx-devtool"


def command_line() -> str:
    """The command that runs, for files that outlive it: without the values of options, which may be secrets.

    `mx set` and its like take `KEY=VALUE`; of those too only the key is there.
    """
    words: list[str] = []
    for word in sys.argv[1:]:
        if word.startswith("-"):
            words.append(word.partition("=")[0])
        elif not words or not words[-1].startswith("-"):
            key, equals, _ = word.partition("=")
            words.append(f"{key}=..." if equals else word)
    return " ".join(["mx", *words])


def log_folder() -> Path:
    """Where the report of a bug in mx is written."""
    return cache_folder() / "log"
