"""Where mx keeps what is not the project's: caches and logs of this user."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Strings and os functions on purpose: every start asks for the cache folder, and importing pathlib costs it more than that.
# ruff: noqa: PTH109, PTH111, PTH117, PTH118


def cache_place() -> str:
    """The path of the user's cache folder of mx (`MX_CACHE_DIR` overrides it); it may not exist yet."""
    chosen = os.environ.get("MX_CACHE_DIR")
    if chosen:
        return _absolute(chosen)
    if sys.platform == "linux" and "ANDROID_DATA" not in os.environ:
        return _below("XDG_CACHE_HOME", "~/.cache", "mx-devtool")
    import platformdirs

    found = platformdirs.user_cache_dir("mx-devtool", appauthor=False)
    return found if os.path.isabs(found) else os.path.join(os.devnull, "mx-devtool")


def cache_folder() -> Path:
    """As `cache_place`."""
    from pathlib import Path

    return Path(cache_place())


def config_folder() -> Path:
    """The user's settings of mx: `MX_CONFIG_DIR`, else `mx` below `XDG_CONFIG_HOME` or `~/.config`; it may not exist."""
    from pathlib import Path

    chosen = os.environ.get("MX_CONFIG_DIR")
    return Path(_absolute(chosen) if chosen else _below("XDG_CONFIG_HOME", "~/.config", "mx"))


def _absolute(path: str) -> str:
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)


def _below(variable: str, default: str, name: str) -> str:
    """`name` below the folder that the XDG base directory specification says.

    It has relative paths ignored. For a user without a home folder nothing can be kept: `~` must not appear in the project.
    """
    base = os.environ.get(variable, "").strip()
    base = base if os.path.isabs(base) else os.path.expanduser(default)
    return os.path.join(base if os.path.isabs(base) else os.devnull, name)


def state_folder() -> Path:
    """What mx keeps of this user between runs: `MX_STATE_DIR`, else `mx-devtool` below `XDG_STATE_HOME` or `~/.local/state`; it may not exist."""
    from pathlib import Path

    chosen = os.environ.get("MX_STATE_DIR")
    return Path(_absolute(chosen) if chosen else _below("XDG_STATE_HOME", "~/.local/state", "mx-devtool"))


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
