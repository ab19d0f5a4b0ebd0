"""The third step: what the model makes of rows that it has not seen, and what the model that is accepted today makes of the same rows."""

from __future__ import annotations

import json
import os
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import configuration
import gate
import joblib
import pandas as pd
from botocore.exceptions import BotoCoreError, ClientError
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score


def load(archive: Path) -> tuple[Any, str]:
    """The model of a model.tar.gz, and what a search has drawn for it, as JSON.

    It is unpickled: only what the training of this pipeline has written comes here.
    """
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        drawn = (Path(folder) / "drawn.json").read_text(encoding="utf-8")
        return joblib.load(Path(folder) / "model.joblib"), drawn


def evaluate(model: Any, table: pd.DataFrame, target: str) -> dict[str, float]:
    """The metrics of a model on a table."""
    truth, said = table[target], model.predict(table.drop(columns=target))
    return {
        "accuracy": float(accuracy_score(truth, said)),
        "balanced_accuracy": float(balanced_accuracy_score(truth, said)),
        "f1_macro": float(f1_score(truth, said, average="macro")),
    }


def accepted(group: str, table: pd.DataFrame, target: str) -> dict[str, Any]:
    """The accepted model's version, with its metrics on the same rows, or with why it has none; {} before the first acceptance."""
    found = gate.accepted(boto3.client("sagemaker"), group)
    if found is None:
        return {}
    said: dict[str, Any] = {"version": found.version}
    if not found.archive:
        return {**said, "error": "the registry does not say where its model is"}
    place = urlsplit(found.archive)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "model.tar.gz"
        try:
            boto3.client("s3").download_file(place.netloc, place.path.lstrip("/"), str(archive))
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchKey", "NoSuchBucket"):
                raise
            return {**said, "error": f"{found.archive} is not there"}
        try:
            model, _ = load(archive)
            return {**said, "metrics": evaluate(model, table, target)}
        # Whatever an older model raises with today's packages and columns: the gate says that the two cannot be compared.
        except Exception as error:
            return {**said, "error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Write evaluation.json, in the form that SageMaker's registry shows."""
    data = configuration.ML / "processing"
    values = configuration.read(data / "configuration")
    model, drawn = load(data / "model/model.tar.gz")
    rows = pd.read_csv(data / "test/test.csv")
    metrics = evaluate(model, rows, values["target"])
    before = accepted(os.environ["MODEL_PACKAGE_GROUP"], rows, values["target"])
    report = {"classification_metrics": {name: {"value": it} for name, it in metrics.items()}}
    folder = data / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(report, indent=2), encoding="utf-8")
    (folder / "drawn.json").write_text(drawn, encoding="utf-8")
    (folder / "accepted.json").write_text(json.dumps(before), encoding="utf-8")
    print(json.dumps(metrics))
    wanted = gate.minimums(values)
    told = gate.compare(wanted, values["tolerance"], metrics, before.get("metrics", {}))
    print(gate.table(told))
    if "error" in before:
        print(f"version {before['version']}, which is accepted, is not measured: {before['error']}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, KeyError, BotoCoreError, ClientError) as error:
        sys.exit(f"error: {error}")
