"""What the library tells about what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Version:
    """One version of one file.

    Attributes:
        filename: the name it was stored under.
        id: S3's id of the version.
        size: in bytes.
        stored: when, in UTC.
        kind: what was stored: `parquet`, `json`, `pickle`, `file` and so on; `file` too if something else put it there.
        sha256: of the bytes, in hexadecimal; empty if something else put it there.
        metadata: what was given to `put`.
        latest: whether it is what `get(filename=...)` returns.
    """

    filename: str
    id: str
    size: int
    stored: datetime
    kind: str
    sha256: str
    metadata: Mapping[str, Any]
    latest: bool


@dataclass(frozen=True)
class Hit:
    """A version that a search found; `score` is between 0 and 1, and 1 says that every word is there as it was written."""

    version: Version
    score: float
