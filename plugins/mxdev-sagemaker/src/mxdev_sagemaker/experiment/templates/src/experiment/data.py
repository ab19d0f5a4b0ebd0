"""Tables of the experiment."""

from __future__ import annotations

import io

import pandas as pd

from experiment import storage
from experiment.storage import Stored


def save(table: pd.DataFrame, name: str) -> Stored:
    """Store a table as `data/NAME`, a CSV file."""
    return storage.put(f"data/{name}", table.to_csv(index=False).encode())


def load(name: str, version: str | None = None) -> tuple[pd.DataFrame, Stored]:
    """A table, and which version of it was read."""
    body, stored = storage.get(f"data/{name}", version)
    return pd.read_csv(io.BytesIO(body)), stored
