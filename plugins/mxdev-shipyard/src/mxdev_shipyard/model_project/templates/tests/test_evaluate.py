"""Evaluation: what is measured, and where it is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import evaluate
import model


def test_the_sample_is_learned(weights: Path, tmp_path: Path) -> None:
    evaluate.main(["--weights", str(weights), "--output", f"{tmp_path}/metrics.json"])
    metrics = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert metrics["accuracy"] > 0.85
    assert metrics["instances"] == len(model.sample()[1][1])


def test_wrong_labels_count(weights: Path) -> None:
    trained = model.Classifier.load(weights)
    instances, labels = model.sample()[1]
    assert evaluate.evaluate(trained, instances, ["nothing"] * len(labels))["accuracy"] == 0


def test_what_cannot_be_evaluated_is_told(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.csv").write_text("header\n", encoding="utf-8")
    with pytest.raises(SystemExit):
        evaluate.main(["--weights", str(weights), "--evaluation", f"{tmp_path}/empty.csv"])
    assert "empty" in capsys.readouterr().err
