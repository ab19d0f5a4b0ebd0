"""What a run has read can be read again, exactly."""

from __future__ import annotations

import boto3
import pandas as pd
import pytest

from experiment import data, models, storage
from experiment.settings import BUCKET, REGION


def test_an_old_version_is_read_again(account: None) -> None:
    first = data.save(pd.DataFrame({"a": [1]}), "table.csv")
    second = data.save(pd.DataFrame({"a": [2]}), "table.csv")
    assert first.version != second.version
    table, stored = data.load("table.csv", first.version)
    assert table["a"].tolist() == [1]
    assert stored == first
    newest, _ = data.load("table.csv")
    assert newest["a"].tolist() == [2]


def test_a_model_comes_back(account: None) -> None:
    kept = models.save({"weights": [1, 2]}, "baseline")
    assert models.load("baseline", kept.version)[0] == {"weights": [1, 2]}


def test_bytes_that_are_not_what_was_stored_are_refused(account: None) -> None:
    boto3.client("s3", region_name=REGION).put_object(
        Bucket=BUCKET, Key="models/baseline.joblib", Body=b"other", Metadata={"sha256": "0" * 64}
    )
    with pytest.raises(storage.StorageError, match="is not what was stored"):
        models.load("baseline")


def test_a_bucket_without_versions_is_refused(
    account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"LocationConstraint": REGION}
    boto3.client("s3", region_name=REGION).create_bucket(
        Bucket="loose", CreateBucketConfiguration=place
    )
    monkeypatch.setattr(storage, "BUCKET", "loose")
    with pytest.raises(storage.StorageError, match="keeps no versions"):
        storage.put("data/table.csv", b"a")
