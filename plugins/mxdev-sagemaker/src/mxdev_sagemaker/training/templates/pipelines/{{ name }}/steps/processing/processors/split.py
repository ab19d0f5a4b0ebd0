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
        ValueError: the column is not there or lacks values, a day is none, or one side would be empty.
    """
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    if column := own.get("by") or own.get("after"):
        if column not in table:
            raise ValueError(f"split: no column is called {column}")
        if lost := int(table[column].isna().sum()):
            raise ValueError(
                f"split: {lost} of {len(table)} rows lack a value in {column}, "
                "so nothing says on which side they are"
            )
        if table[column].nunique() < 2:
            raise ValueError(f"split: all rows have the same {column}, so nothing can be kept")
    if own.get("by"):
        cut = GroupShuffleSplit(n_splits=1, test_size=share, random_state=seed)
        try:
            train, test = next(cut.split(table, groups=table[own["by"]]))
        except ValueError as error:
            raise ValueError(f"split: {error}") from error
        return table.iloc[train], table.iloc[test]
    if own.get("after"):
        # A day is on one side as a whole.
        values = _in_time(table[own["after"]])
        if values.nunique() < 2:
            raise ValueError(f"split: all rows have the same {column}, so nothing can be kept")
        ordered = values.sort_values()
        first = ordered.iloc[min(int(len(ordered) * (1 - share)), len(ordered) - 1)]
        if first == ordered.iloc[0]:
            first = ordered[ordered > first].iloc[0]
        return table[values < first], table[values >= first]
    try:
        train, test = train_test_split(
            table, test_size=share, random_state=seed, stratify=table[target]
        )
    except ValueError as error:
        raise ValueError(f"split: {error}") from error
    return train, test


def _in_time(column: pd.Series) -> pd.Series:
    """Values that can be put in order: numbers as they are, and text as the times that it says, such as 2026-01-09.

    Raises:
        ValueError: some text is no time of ISO 8601.
    """
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    times = pd.to_datetime(column.astype(str), format="ISO8601", errors="coerce", utc=True)
    if (wrong := times.isna()).any():
        raise ValueError(
            f"split: {int(wrong.sum())} of {len(column)} rows have a {column.name} that is no number "
            f"and no date such as 2026-01-09, for example {column[wrong].iloc[0]!r}"
        )
    return times
