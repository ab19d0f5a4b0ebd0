"""The first step: takes the table that the ETL left, checks it, and splits it into rows to train on and rows to test on."""

from __future__ import annotations

import io
import sys
from urllib.parse import urlsplit

import boto3
import configuration
import pandas as pd
from sklearn.model_selection import train_test_split


def fetch(uri: str) -> pd.DataFrame:
    """All CSV files below a prefix of S3 as one table, in the order of their names.

    Raises:
        ValueError: there is none.
    """
    place = urlsplit(uri)
    s3 = boto3.client("s3")
    pages = s3.get_paginator("list_objects_v2")
    keys = [
        item["Key"]
        for page in pages.paginate(Bucket=place.netloc, Prefix=place.path.lstrip("/") + "/")
        for item in page.get("Contents", ())
        if item["Key"].endswith(".csv")
    ]
    if not keys:
        raise ValueError(f"there is no CSV file below {uri}/: has the ETL run?")
    bodies = (s3.get_object(Bucket=place.netloc, Key=key)["Body"].read() for key in sorted(keys))
    return pd.concat([pd.read_csv(io.BytesIO(body)) for body in bodies], ignore_index=True)


def clean(table: pd.DataFrame, target: str) -> pd.DataFrame:
    """Without double rows, and rows that do not say what is to be predicted.

    Raises:
        ValueError: the column is not there, or it has one value only.
    """
    if target not in table:
        raise ValueError(f"no column is called {target}; there are: {', '.join(table.columns)}")
    kept = table.dropna(subset=[target]).drop_duplicates()
    if kept[target].nunique() < 2:
        raise ValueError(f"all {len(kept)} rows have the same {target}: there is nothing to learn")
    return kept


def main() -> None:
    """Write train.csv, test.csv and the configuration."""
    values = configuration.fetch()
    table = clean(fetch(values["input_data"]), values["target"])
    train, test = train_test_split(
        table,
        test_size=values["test_share"],
        random_state=values["seed"],
        stratify=table[values["target"]],
    )
    for name, part in (("train", train), ("test", test)):
        folder = configuration.ML / "processing" / name
        folder.mkdir(parents=True, exist_ok=True)
        part.to_csv(folder / f"{name}.csv", index=False)
        print(f"{name}: {len(part)} rows")
    configuration.write(values, configuration.ML / "processing/configuration")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, configuration.IncompleteError) as error:
        sys.exit(f"error: {error}")
