"""Train the model: `python train.py --training FILE --evaluation FILE [--weights FILE]`; without files, on the sample."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import model
from evaluate import evaluate


def train(
    training: Path | None, evaluation: Path | None, weights: Path | None, output: Path
) -> dict[str, float]:
    """Train, write the weights, and say how good they are.

    Args:
        training: a CSV; None: the sample's training set.
        evaluation: a CSV; None: the sample's evaluation set.
        weights: weights to fine-tune from; None: begin anew.
        output: where the weights are written.
    """
    sample = model.sample()
    instances, labels = model.read(training) if training else sample[0]
    start = model.Classifier.load(weights) if weights else None
    trained = model.fit(instances, labels, start)
    trained.save(output)
    return evaluate(trained, *(model.read(evaluation) if evaluation else sample[1]))


def main(arguments: Sequence[str] | None = None) -> None:
    """What the command line says."""
    parser = argparse.ArgumentParser(description="Train the model.")
    parser.add_argument("--training", type=Path, help="the training set; default: the sample's")
    parser.add_argument("--evaluation", type=Path, help="the evaluation set; default: the sample's")
    parser.add_argument("--weights", type=Path, help="weights to fine-tune from")
    parser.add_argument("--output", type=Path, default=Path("weights/model.npz"), help="where the weights go")
    given = parser.parse_args(arguments)
    try:
        metrics = train(given.training, given.evaluation, given.weights, given.output)
    except (OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
