"""Tables of the experiment."""

from __future__ import annotations

from typing import Any

import pandas as pd
from mxdev_saver import Version

from experiment.store import store


def save(table: pd.DataFrame, name: str, **metadata: Any) -> Version:
    """Store a table as `data/NAME`, which ends in .csv or .parquet; it is found by its metadata later."""
    return store().put(f"data/{name}", dataframe=table, metadata=metadata)


def load(name: str, version: str | None = None) -> tuple[pd.DataFrame, Version]:
    """A table, and which version of it was read; by default the newest."""
    found = store().about(f"data/{name}", version)
    return store().get(found.filename, version=found), found
