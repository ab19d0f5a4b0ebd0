"""How new weights compare with those that run: both by the same programs, on the same data."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from mxdev.errors import MxError

from mxdev_shipyard.experiment import place, training
from mxdev_shipyard.onboarding import git
from mxdev_shipyard.onboarding.settings import Settings
from mxdev_shipyard.promotion.manifest import Release


@dataclass(frozen=True)
class Comparison:
    """The metrics of both; `before` is empty, and so is `weights`, where nothing runs yet."""

    weights: str
    before: dict[str, float]
    after: dict[str, float]

    def worse(self, metric: str) -> bool:
        """Whether the new weights are worse by this metric, of which more is better.

        Raises:
            MxError: evaluate.py gives no such metric.
        """
        if metric not in self.after:
            raise MxError(f"evaluate.py gives no {metric}.", hint=f"It gives {', '.join(self.after)}.")
        return self.after[metric] < self.before.get(metric, float("-inf"))

    def table(self) -> str:
        """Both, as a table of Markdown."""
        rows = [f"| metric | {self.weights or 'nothing runs'} | new | difference |", "|---|---|---|---|"]
        for name, value in self.after.items():
            old = self.before.get(name)
            difference = "" if old is None else f"{value - old:+.4f}"
            rows.append(f"| {name} | {'' if old is None else f'{old:g}'} | {value:g} | {difference} |")
        return "\n".join(rows) + "\n"

    def openmetrics(self) -> str:
        """The new metrics as GitLab's report of metrics reads them; it shows the difference to the target branch itself."""
        return "".join(f"{name} {value:g}\n" for name, value in self.after.items()) + "# EOF\n"


def compare(settings: Settings, model: str, environment: str, *, python: str, root: Path) -> Comparison:
    """Evaluate the weights that run in `environment`, and the new ones, on the evaluation set of the experiment.

    Raises:
        MxError: there is no experiment, its evaluation set has changed since, or a program failed.
    """
    record = training.read_record(root)
    running = _running(settings, model, environment)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        evaluation = place.fetched(record.evaluation, here / "evaluation.csv", settings.region).resolve()
        if place.digest(evaluation.read_bytes()) != record.digests["evaluation"]:
            raise MxError(
                f"{record.evaluation} is another file than the training saw.", hint="Train once more."
            )
        new = (root / training.FOLDER / training.WEIGHTS).resolve()
        after = training.evaluate(new, evaluation, python=python, root=root, output=here / "after.json")
        before = {}
        if running:
            old = place.fetched(f"{running}/{training.WEIGHTS}", here / "old.npz", settings.region)
            before = training.evaluate(old, evaluation, python=python, root=root, output=here / "before.json")
    return Comparison(running, before, after)


def _running(settings: Settings, model: str, environment: str) -> str:
    """The weights that an environment's manifest names; empty where nothing runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = git.clone(settings.environments[environment], folder) / model / "inferenceservice.yaml"
        release = Release.of(path.read_text("utf-8")) if path.is_file() else None
    return release.weights.rstrip("/") if release else ""
