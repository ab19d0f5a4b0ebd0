"""One training: the model's own programs are run on data sets that were given, and what came of it is kept in a folder."""

from __future__ import annotations

import datetime
import json
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mxdev.errors import MxError

from mxdev_shipyard.experiment import place

FOLDER = Path("experiment")
WEIGHTS, METRICS, RECORD = "model.npz", "metrics.json", "experiment.json"
# Weights are named by it, so it has no finer part.
TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Record:
    """What a training was made of.

    Attributes:
        model: its name.
        trained: when, in UTC, as ISO 8601; the weights are stored under it.
        commit: the commit of the programs; empty outside of Git.
        training, evaluation: the data sets, as they were given.
        digests: SHA-256 of each data set and of the weights it began from.
        start: the weights that it went on from; empty: it began anew.
        architecture, author: of the model, for the registry.
    """

    model: str
    trained: str
    commit: str
    training: str
    evaluation: str
    digests: dict[str, str]
    start: str = ""
    architecture: str = ""
    author: str = ""


def train(
    model: str, *, training: str, evaluation: str, start: str | None, region: str, python: str, root: Path,
    architecture: str, author: str,
) -> dict[str, Any]:  # fmt: skip
    """Train in `root` and evaluate there; the metrics.

    Raises:
        MxError: data is not there, or a program of the model failed.
    """
    out = root / FOLDER
    files = {
        "training": place.fetched(training, root / "datasets/training.csv", region).resolve(),
        "evaluation": place.fetched(evaluation, root / "datasets/evaluation.csv", region).resolve(),
    }
    if start:
        files["start"] = place.fetched(_file(start), root / "weights/start.npz", region).resolve()
        if files["start"] == (out / WEIGHTS).resolve():
            files["start"] = Path(
                shutil.copy(files["start"], _made(root / "weights") / "start.npz")
            ).resolve()
    if shutil.which(python) is None:
        raise _no_program(python)
    # An older training's must not pass for this one's; it stays until all that this one needs is there.
    _made(out)
    for name in (WEIGHTS, METRICS, RECORD):
        (out / name).unlink(missing_ok=True)
    words = [f"--training={files['training']}", f"--evaluation={files['evaluation']}"]
    words += [f"--weights={files['start']}"] if start else []
    began = datetime.datetime.now(datetime.UTC).strftime(TIME)
    run(python, "train.py", *words, f"--output={out / WEIGHTS}", cwd=root)
    metrics = evaluate(out / WEIGHTS, files["evaluation"], python=python, root=root, output=out / METRICS)
    digests = {name: place.digest(file.read_bytes()) for name, file in files.items()}
    record = Record(model, began, _commit(root), training, evaluation, digests, start or "", architecture, author)  # fmt: skip
    (out / RECORD).write_text(json.dumps(asdict(record), indent=2) + "\n", "utf-8")
    return metrics


def evaluate(weights: Path, evaluation: Path, *, python: str, root: Path, output: Path) -> dict[str, Any]:
    """How good weights are on a data set, as the model's own evaluate.py says.

    Raises:
        MxError: it failed.
    """
    run(
        python, "evaluate.py", f"--weights={weights}", f"--evaluation={evaluation}", f"--output={output}", cwd=root,
    )  # fmt: skip
    metrics: dict[str, Any] = json.loads(output.read_text("utf-8"))
    return metrics


def read_record(root: Path) -> Record:
    """What the last training in `root` was made of.

    Raises:
        MxError: there is none.
    """
    path = root / FOLDER / RECORD
    try:
        return Record(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise MxError(f"{path} is not there.", hint="Train first: `mx experiment train`.") from None
    except (OSError, ValueError, TypeError) as error:
        raise MxError(f"{path} cannot be read: {error}") from error


def run(python: str, *words: str, cwd: Path) -> None:
    """Run a program of the model; what it prints is shown.

    Raises:
        MxError: it failed.
    """
    try:
        done = subprocess.run([python, *words], cwd=cwd, check=False)
    except FileNotFoundError as error:
        raise _no_program(python) from error
    if done.returncode:
        raise MxError(f"`{python} {words[0]}` ended with {done.returncode}; what it said is above.")


def _no_program(python: str) -> MxError:
    return MxError(f"There is no program {python}.", hint="Name the model's Python by --python.")


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _file(weights: str) -> str:
    """The file of weights that a path of a release names, `.../models/TIME`."""
    return f"{weights.rstrip('/')}/{WEIGHTS}" if re.search(r"/models/[^/]+/?$", weights) else weights


def _commit(root: Path) -> str:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--verify", "--quiet", "HEAD"],
            cwd=root, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
