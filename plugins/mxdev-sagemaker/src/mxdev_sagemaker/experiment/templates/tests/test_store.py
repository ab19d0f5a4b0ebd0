"""What a run has read can be read again, exactly."""

from __future__ import annotations

import boto3
import mxdev_saver
import pandas as pd
import pytest

from experiment import data, models
from experiment.settings import BUCKET, REGION
from experiment.store import store, where


def test_an_old_version_is_read_again(account: None) -> None:
    first = data.save(pd.DataFrame({"a": [1]}), "table.csv")
    second = data.save(pd.DataFrame({"a": [2]}), "table.csv")
    assert where(first) == f"s3://{BUCKET}/data/table.csv?versionId={first.id}" != where(second)
    table, read = data.load("table.csv", first.id)
    assert table["a"].tolist() == [1]
    assert (read.id, read.sha256) == (first.id, first.sha256)
    newest, read = data.load("table.csv")
    assert newest["a"].tolist() == [2]
    assert read.id == second.id


def test_a_model_comes_back(account: None) -> None:
    kept = models.save({"weights": [1, 2]}, "baseline")
    assert models.load("baseline", kept.id)[0] == {"weights": [1, 2]}


def test_what_was_stored_is_found_by_what_is_known_of_it(account: None) -> None:
    data.save(pd.DataFrame({"a": [1]}), "faces.csv", camera="north")
    data.save(pd.DataFrame({"a": [2]}), "cars.csv", camera="south")
    (hit,) = store().search("camera=north")
    assert hit.version.filename == "data/faces.csv"


def test_bytes_that_are_not_what_was_stored_are_refused(account: None) -> None:
    models.save({"weights": [1, 2]}, "baseline")
    s3 = boto3.client("s3", region_name=REGION)
    key = "models/baseline.joblib"
    said = s3.head_object(Bucket=BUCKET, Key=key)["Metadata"]
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"other", Metadata=said)
    with pytest.raises(mxdev_saver.Damaged, match="is not what was stored"):
        models.load("baseline")


def test_a_bucket_without_versions_is_refused(account: None) -> None:
    boto3.client("s3", region_name=REGION).put_bucket_versioning(
        Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}
    )
    with pytest.raises(mxdev_saver.NotVersioned, match="keeps no versions"):
        data.save(pd.DataFrame({"a": [1]}), "table.csv")
