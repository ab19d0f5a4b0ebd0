"""The ETL's work, without Airflow: get rows, clean them, publish them as a CSV file in S3.

Until your source is here, `rows` makes up customers, always the same ones.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable
from typing import Any

COLUMNS = ("tenure_months", "monthly_fee", "support_calls", "contract", "churned")
Row = dict[str, Any]


def rows(count: int = 600, seed: int = 7) -> list[Row]:
    """Rows as the source gives them: some are double, and some lack the answer."""
    draw = random.Random(seed)  # noqa: S311 - made-up customers, no secret
    made: list[Row] = []
    for _ in range(count):
        contract = draw.choice(("monthly", "yearly"))
        tenure, calls = draw.randint(1, 72), draw.randint(0, 9)
        fee = round(draw.uniform(10, 90), 2)
        risk = calls * 9 + fee / 3 - tenure / 2 + (15 if contract == "monthly" else -15)
        churned = "yes" if risk + draw.gauss(0, 8) > 35 else "no"
        made.append(dict(zip(COLUMNS, (tenure, fee, calls, contract, churned), strict=True)))
    made += [dict(made[0]), {**made[1], "churned": ""}]
    return made


def clean(found: Iterable[Row]) -> list[Row]:
    """Rows that have an answer, each once.

    Raises:
        ValueError: a row has other columns, or nothing is left.
    """
    kept: dict[tuple[Any, ...], Row] = {}
    for number, row in enumerate(found):
        if set(row) != set(COLUMNS):
            raise ValueError(f"row {number} has the columns {sorted(row)}, not {sorted(COLUMNS)}")
        if row["churned"]:
            kept.setdefault(tuple(row[name] for name in COLUMNS), row)
    if not kept:
        raise ValueError("no row has an answer: nothing was published")
    return list(kept.values())


def table(found: Iterable[Row]) -> str:
    """Rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return out.getvalue()


def publish(found: Iterable[Row], bucket: str, name: str, day: str) -> str:
    """Put the rows of a day where the pipeline finds them; where that is, as `input_data` names it.

    The same day again replaces its file, and the bucket keeps the version before.
    """
    import boto3

    prefix = f"pipelines/{name}/data"
    body = table(found).encode()
    boto3.client("s3").put_object(Bucket=bucket, Key=f"{prefix}/{day}.csv", Body=body)
    return f"s3://{bucket}/{prefix}"
