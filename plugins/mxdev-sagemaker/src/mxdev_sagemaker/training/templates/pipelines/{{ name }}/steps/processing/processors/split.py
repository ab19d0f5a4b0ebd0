"""split: rows to train on, and rows that are kept for the evaluation. Without one, rows are drawn at random, each answer in its share.

{"name": "split", "by": "customer"}   all rows of a customer are on one side, so that nothing is known that must be guessed
{"name": "split", "after": "day"}     the last days are kept, as it will be when the model is asked
"""

from __future__ import annotations

from typing import Any

import pandas as pd


def apply(
    table: pd.DataFrame, own: dict[str, Any], target: str, share: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to train on, and rows to test on: `share` of them, more or less.

    Raises:
        ValueError: the column is not there, or one side would be empty.
    """
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    if column := own.get("by") or own.get("after"):
        if column not in table:
            raise ValueError(f"split: no column is called {column}")
        if table[column].nunique() < 2:
            raise ValueError(f"split: all rows have the same {column}, so nothing can be kept")
    if own.get("by"):
        cut = GroupShuffleSplit(n_splits=1, test_size=share, random_state=seed)
        train, test = next(cut.split(table, groups=table[own["by"]]))
        return table.iloc[train], table.iloc[test]
    if own.get("after"):
        # A day is on one side as a whole.
        values = table[own["after"]].sort_values()
        first = values.iloc[int(len(values) * (1 - share))]
        if first == values.iloc[0]:
            first = values[values > first].iloc[0]
        return table[table[own["after"]] < first], table[table[own["after"]] >= first]
    train, test = train_test_split(
        table, test_size=share, random_state=seed, stratify=table[target]
    )
    return train, test
