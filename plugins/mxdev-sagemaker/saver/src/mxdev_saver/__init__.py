"""Data frames, models and files in a versioned S3 bucket, with metadata that can be searched.

import mxdev_saver as saver

saver.put(filename="features.parquet", dataframe=features, metadata={"source": "catalogue"})
features = saver.get(filename="features.parquet")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mxdev_saver.errors import Ambiguous, Changed, Damaged, NotFound, NotVersioned, SaverError, Untrusted
from mxdev_saver.model import Hit, Version
from mxdev_saver.store import Saver

__all__ = [
    "Ambiguous", "Changed", "Damaged", "Hit", "NotFound", "NotVersioned", "Saver", "SaverError", "Untrusted", "Version", "about", "delete",
    "get", "list", "put", "refresh", "restore", "search", "use", "versions",
]  # fmt: skip
_used: list[Saver] = []


def use(bucket: str = "", **arguments: Any) -> Saver:
    """Use this bucket from now on; takes what `Saver` takes, and returns it."""
    _used[:] = [Saver(bucket, **arguments)]
    return _used[0]


def _default() -> Saver:
    return _used[0] if _used else use()


def __getattr__(name: str) -> Any:
    """The functions of the module are the methods of the store in use."""
    if name in __all__:
        return getattr(_default(), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if TYPE_CHECKING:
    _store = Saver()
    about = _store.about
    delete = _store.delete
    get = _store.get
    list = _store.list
    put = _store.put
    refresh = _store.refresh
    restore = _store.restore
    search = _store.search
    versions = _store.versions
