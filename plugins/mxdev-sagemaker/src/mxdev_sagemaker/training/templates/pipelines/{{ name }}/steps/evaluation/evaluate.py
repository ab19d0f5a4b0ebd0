"""The third step: what the model makes of rows that it has not seen."""

from __future__ import annotations

import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import configuration
import joblib
import pandas as pd
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


def main() -> None:
    """Write evaluation.json, in the form that SageMaker's registry shows."""
    data = configuration.ML / "processing"
    values = configuration.read(data / "configuration")
    model, drawn = load(data / "model/model.tar.gz")
    metrics = evaluate(model, pd.read_csv(data / "test/test.csv"), values["target"])
    report = {"classification_metrics": {name: {"value": it} for name, it in metrics.items()}}
    folder = data / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(report, indent=2), encoding="utf-8")
    (folder / "drawn.json").write_text(drawn, encoding="utf-8")
    print(json.dumps(metrics))


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"error: {error}")
