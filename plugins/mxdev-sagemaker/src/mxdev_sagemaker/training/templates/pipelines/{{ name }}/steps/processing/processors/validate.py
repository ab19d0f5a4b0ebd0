"""validate: the table is as agreed with whoever delivers it, or the run ends here, with every difference.

    {"name": "validate", "only": true, "columns": {
      "age": {"type": "number", "minimum": 0, "maximum": 120, "missing": 0.1},
      "contract": {"type": "text", "values": ["monthly", "yearly"]}}}

`missing` is the share of rows that may lack a value, 0 by default; with `only` no other column may be there.
"""

from __future__ import annotations

from typing import Any

import pandas as pd


def apply(table: pd.DataFrame, own: dict[str, Any]) -> pd.DataFrame:
    """The table as it is.

    Raises:
        ValueError: it is not as agreed; the message has a line for each difference.
    """
    columns = own.get("columns", {})
    found = [f"the column {name} is missing" for name in columns if name not in table]
    if own.get("only"):
        found += [f"nobody agreed on the column {name}" for name in table if name not in columns]
    for name, agreed in columns.items():
        if name in table:
            found += [f"{name}: {text}" for text in _differences(table[name], agreed)]
    if found:
        raise ValueError("validate:\n" + "\n".join(f"  {one}" for one in found))
    return table


def _differences(column: pd.Series, agreed: dict[str, Any]) -> list[str]:
    found, there = [], column.dropna()
    share = 1 - len(there) / len(column) if len(column) else 0.0
    if share > agreed.get("missing", 0):
        found.append(
            f"{share:.1%} of the rows lack a value, and {agreed.get('missing', 0):.1%} may"
        )
    number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    ordered = agreed.get("type") == "number" or "minimum" in agreed or "maximum" in agreed
    if ordered and not number:
        return [*found, f"it is no number, such as {there.iloc[0] if len(there) else 'nothing'!r}"]
    if agreed.get("type") == "text" and number and len(there):
        return [*found, "it is a number"]
    if "minimum" in agreed and (low := int((there < agreed["minimum"]).sum())):
        found.append(f"{low} rows are below {agreed['minimum']}, the lowest is {there.min()}")
    if "maximum" in agreed and (high := int((there > agreed["maximum"]).sum())):
        found.append(f"{high} rows are above {agreed['maximum']}, the highest is {there.max()}")
    if "values" in agreed:
        other = sorted(set(map(str, there[~there.isin(agreed["values"])])))
        if other:
            found.append(f"nobody agreed on {', '.join(other[:5])}")
    return found
