"""deduplicate: each row once.

{"name": "deduplicate"}                                     rows that are the same in all columns
{"name": "deduplicate", "by": ["customer"], "keep": "last"} one row for each customer, the last
"""

from __future__ import annotations

from typing import Any

import pandas as pd


def apply(table: pd.DataFrame, own: dict[str, Any]) -> pd.DataFrame:
    """The table with each row once.

    Raises:
        ValueError: a column of `by` is not there.
    """
    by = own.get("by")
    if lost := [name for name in by or () if name not in table]:
        raise ValueError(f"deduplicate: no column is called {', '.join(lost)}")
    kept = table.drop_duplicates(subset=by, keep=own.get("keep", "first"))
    print(f"deduplicate: {len(table) - len(kept)} of {len(table)} rows are dropped")
    return kept
