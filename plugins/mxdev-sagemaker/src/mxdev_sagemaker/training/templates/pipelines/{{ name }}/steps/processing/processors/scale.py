"""scale: numbers of one size. What it learns from the rows to train on is the beginning of the model, which scales what it is asked.

{"name": "scale"}                                          all numbers, to mean 0 and deviation 1
{"name": "scale", "columns": ["fee"], "how": "minmax"}     one, from 0 to 1
{"name": "scale", "how": "robust"}                         by median and quartiles, where some are far off
"""

from __future__ import annotations

from typing import Any

import pandas as pd


def apply(rows: pd.DataFrame, own: dict[str, Any], target: str) -> tuple[pd.DataFrame, Any]:
    """The rows scaled, and the transformer that scales others in the same way; it leaves all other columns as they are.

    Raises:
        ValueError: a column is not there, or is no number.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

    given = rows.drop(columns=target)
    numbers = list(given.select_dtypes("number").columns)
    columns = own.get("columns", numbers)
    if wrong := [name for name in columns if name not in numbers]:
        raise ValueError(f"scale: no column of numbers is called {', '.join(wrong)}")
    scaler = {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}[
        own.get("how", "standard")
    ]()
    transformer = ColumnTransformer(
        [("scale", scaler, columns)], remainder="passthrough", verbose_feature_names_out=False
    ).set_output(transform="pandas")
    scaled = transformer.fit_transform(given)
    return scaled.assign(**{target: rows[target]}), transformer
