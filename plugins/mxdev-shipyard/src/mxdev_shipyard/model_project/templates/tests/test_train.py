"""Training: on the sample, on files, from weights."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import model
import train


def _write(path: Path, data: model.Labelled) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["instance", "label"])
        for instance, label in zip(*data, strict=True):
            rows.writerow([*([instance] if isinstance(instance, str) else instance), label])


def test_fine_tuning_goes_on_from_weights(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training, evaluation = model.sample()
    _write(tmp_path / "training.csv", training)
    _write(tmp_path / "evaluation.csv", evaluation)
    files = ["--training", f"{tmp_path}/training.csv", "--evaluation", f"{tmp_path}/evaluation.csv"]
    train.main([*files, "--weights", str(weights), "--output", f"{tmp_path}/new.npz"])
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["accuracy"] > 0.85
    before, after = model.Classifier.load(weights), model.Classifier.load(tmp_path / "new.npz")
    assert before.labels == after.labels
    assert (before.coefficients != after.coefficients).any()


def test_a_file_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        train.main(["--training", f"{tmp_path}/none.csv"])
    assert ended.value.code == 1
    assert "none.csv" in capsys.readouterr().err
