"""Say how good weights are: `python evaluate.py --weights FILE --evaluation FILE`; writes `metrics.json`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from sklearn.metrics import accuracy_score, f1_score

import model


def evaluate(
    trained: model.Classifier, instances: Sequence[model.Instance], labels: Sequence[str]
) -> dict[str, float]:
    """The share of right answers, and F1 averaged over the labels.

    Raises:
        ValueError: the evaluation set is empty.
    """
    if not labels:
        raise ValueError("the evaluation set is empty")
    answers = [answer["label"] for answer in trained.predict(instances)]
    return {
        "accuracy": round(float(accuracy_score(labels, answers)), 4),
        "f1": round(float(f1_score(labels, answers, average="macro", zero_division=0)), 4),
        "instances": len(labels),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """What the command line says."""
    parser = argparse.ArgumentParser(description="Say how good weights are.")
    parser.add_argument("--weights", type=Path, default=Path("weights/model.npz"))
    parser.add_argument("--evaluation", type=Path, help="the evaluation set; default: the sample's")
    parser.add_argument("--output", type=Path, default=Path("metrics.json"))
    given = parser.parse_args(arguments)
    try:
        data = model.read(given.evaluation) if given.evaluation else model.sample()[1]
        metrics = evaluate(model.Classifier.load(given.weights), *data)
    except (OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")
    given.output.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
