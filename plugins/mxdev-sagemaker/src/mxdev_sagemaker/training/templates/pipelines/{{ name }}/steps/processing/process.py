"""The first step: takes the table that the ETL left, runs the processors, and writes rows to train on and rows to test on."""

from __future__ import annotations

import io
import sys
from urllib.parse import urlsplit

import boto3
import configuration
import joblib
import pandas as pd
import processors


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


def main() -> None:
    """Write train.csv, test.csv, what the processors have learned, and the configuration."""
    values = configuration.fetch()
    made = processors.run(fetch(values["input_data"]), values)
    for name, part in (("train", made.train), ("test", made.test)):
        folder = configuration.ML / "processing" / name
        folder.mkdir(parents=True, exist_ok=True)
        part.to_csv(folder / f"{name}.csv", index=False)
        print(f"{name}: {len(part)} rows")
    joblib.dump(made.learned, configuration.ML / "processing/train/learned.joblib")
    configuration.write(values, configuration.ML / "processing/configuration")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, configuration.IncompleteError) as error:
        sys.exit(f"error: {error}")
