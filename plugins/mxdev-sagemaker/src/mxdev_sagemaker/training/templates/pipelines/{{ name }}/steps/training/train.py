"""The second step: fits the model on the rows to train on. What `build` makes is the place for your own model.

SageMaker starts it as `train`; what it writes into the model's folder becomes model.tar.gz.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import configuration
import joblib
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def build(values: dict[str, Any]) -> Pipeline:
    """The model, not fitted: numbers are scaled, words become columns, and a logistic regression decides."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (words, make_column_selector(dtype_exclude="number")),
    )
    decides = LogisticRegression(
        C=values["regularization"], max_iter=1000, random_state=values["seed"]
    )
    return make_pipeline(columns, decides)


def main() -> None:
    """Fit the model, and write it."""
    data = configuration.ML / "input/data"
    drawn = configuration.drawn()
    values = configuration.read(data / "configuration") | drawn
    table = pd.read_csv(data / "train/train.csv")
    target = table.pop(values["target"])
    model = build(values).fit(table, target)
    # MetricDefinitions of the definition reads these lines.
    if drawn:
        # What was fitted knows its own rows: a search compares by rows that each part was not fitted on.
        score = cross_val_score(build(values), table, target, cv=5).mean()
        print(f"validation:accuracy={score:.6f}")
    print(f"train:accuracy={model.score(table, target):.6f}")
    folder = configuration.ML / "model"
    folder.mkdir(parents=True, exist_ok=True)
    # The model begins with what the processors have learned: whoever asks it gives rows as they are. This run has written the file.
    learned = joblib.load(data / "train/learned.joblib")
    if learned:
        model = Pipeline([*learned, ("model", model)])
    joblib.dump(model, folder / "model.joblib")
    (folder / "drawn.json").write_text(json.dumps(drawn), encoding="utf-8")


def failed(error: Exception) -> None:
    """Tell SageMaker why: it shows this file as the reason of the failure."""
    path: Path = configuration.ML / "output/failure"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(error), encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, KeyError) as error:
        failed(error)
        sys.exit(f"error: {error}")
