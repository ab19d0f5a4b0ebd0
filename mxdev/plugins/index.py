"""The cached index of plugins: what is installed and what each plugin announces.

Scanning the entry points of every installed distribution costs about 0.6 ms for each, and importing plugins
costs what they cost. The index is made once for each state of `sys.path` and kept in the user's cache folder; it
is valid while the folders of `sys.path`, the entry-point files and the plugins' modules have the same mtimes. Of a
broken plugin every module of its package counts, so that mending it is noticed.
"""

from __future__ import annotations

import json
import os
import sys
import zlib

from mxdev.plugins.model import API, Announced, Plugin
from mxdev.system.files import private
from mxdev.system.user_dirs import cache_place

FORMAT = 6
_loaded: list[Plugin] | None = None
_made_anew = False


def load(*, cached: bool = True) -> list[Plugin]:
    """The index, from memory, from its cache unless that is not wanted, or made anew."""
    global _loaded, _made_anew
    if _loaded is None:
        path, key = _cache_place()
        _loaded = _read(path, key) if cached else None
        if _loaded is None:
            names = _names()
            _made_anew = True
            _loaded, watched = _scan()
            # What was imported may have left its bytecode beside it, which is no news.
            _write(path, _cache_place()[1] if _names() == names else key, _loaded, watched)
    return _loaded


def forget() -> None:
    """Drop the index from memory (for tests that install plugins into the running process)."""
    global _loaded
    _loaded = None


def made_anew() -> bool:
    """Whether this process imported all plugins to make the index."""
    return _made_anew


def key() -> str:
    """What the index is valid for: Python, and where plugins are looked for and since when these places are as they are."""
    return _cache_place()[1]


def _stamp(path: str) -> list[int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 (the hot path of every start)
    except OSError:
        return None
    return [status.st_mtime_ns, status.st_size]


def _cache_place() -> tuple[str, str]:
    """The file of the index, and the key under which it is valid, compared whole."""
    folders = installed_folders()
    stamps = [(folder, _stamp(folder)) for folder in folders]
    where = zlib.crc32(
        json.dumps([sys.prefix, folders]).encode()
    )  # two that share a file make it anew in turns
    key = json.dumps([FORMAT, API, sys.version_info[:3], sys.prefix, stamps])
    return f"{cache_place()}/plugins-{where:08x}.json", key


def _names() -> list[set[str]]:
    """What is in the folders in which plugins are looked for, without Python's own folders of bytecode."""
    return [set(os.listdir(f)) - {"__pycache__"} for f in installed_folders() if os.path.isdir(f)]  # noqa: PTH112, PTH208


def _read(path: str, key: str) -> list[Plugin] | None:
    try:
        data = json.loads(private.read(path) or b"")
        if data["key"] != key or any(_stamp(file) != stamp for file, stamp in data["watched"]):
            return None
        return [
            Plugin(**{
                **item,
                "entries": {
                    hook: [Announced(*entry) for entry in found] for hook, found in item["entries"].items()
                },
            })
            for item in data["plugins"]
        ]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: str, key: str, plugins: list[Plugin], watched: list[str]) -> None:
    data = {
        "key": key,
        "watched": [(file, _stamp(file)) for file in watched],
        "plugins": [vars(plugin) for plugin in plugins],
    }
    private.write(path, json.dumps(data).encode())  # a cache that cannot be written only costs time


def _scan() -> tuple[list[Plugin], list[str]]:
    from mxdev.plugins.scan import scan

    return scan(installed_folders())


def installed_folders() -> list[str]:
    """The folders of `sys.path` in which plugins are looked for: none in the project, unless the environment is there.

    A project is other people's files; what is in it must not become code by running mx in it.
    """
    homes = (
        sys.prefix,
        sys.base_prefix,
        sys.exec_prefix,
        getattr(sys.modules.get("site"), "USER_BASE", None),
    )
    environment = tuple(os.path.join(home, "") for home in homes if home)  # noqa: PTH118 (the hot path of every start)
    outside = [folder for folder in sys.path if os.path.isabs(folder)]  # noqa: PTH117
    if all(folder.startswith(environment) for folder in outside):
        return outside
    here, project = _surroundings()
    return [
        folder for folder in outside
        if folder.startswith(environment)
        or ((real := os.path.realpath(folder)) != here and not _lies_in(real, project))
    ]  # fmt: skip


def leave_project() -> None:
    """Import nothing from the project or the current folder because `PYTHONPATH` names it: it is for the project's own programs.

    A plugin that is installed from its folder (`pip install --editable`) stays: that folder stands in no variable.
    """
    named = {os.path.realpath(folder) for folder in os.environ["PYTHONPATH"].split(os.pathsep)}
    here, project = _surroundings()
    ours = {folder for folder in named if folder == here or _lies_in(folder, project)}
    sys.path[:] = [folder for folder in sys.path if os.path.realpath(folder) not in ours]


def _lies_in(folder: str, project: str | None) -> bool:
    return project is not None and os.path.join(folder, "").startswith(os.path.join(project, ""))  # noqa: PTH118


def _surroundings() -> tuple[str, str | None]:
    """The current folder, and the project around it if there is one; with links resolved."""
    try:
        here = folder = os.path.realpath(os.getcwd())  # noqa: PTH109
    except OSError:  # it was deleted
        return "", None
    while True:
        if os.path.isfile(os.path.join(folder, "mx.yaml")):  # noqa: PTH113, PTH118
            return here, folder
        folder, child = os.path.dirname(folder), folder  # noqa: PTH120
        if folder == child:
            return here, None
