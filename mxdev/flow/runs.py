"""`mx flow list` and `mx flow compare`: the recorded runs, without a browser."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mxdev.flow import completion
from mxdev.steps.options import ENVIRONMENT

if TYPE_CHECKING:
    from mxdev.flow.tracking import Store

_COLUMNS = ("RUN", "NAME", "STATUS", "WHEN", "TOOK", "METRICS")
_MOST_METRICS = 2


@click.command("list")
@click.option(
    "-n", "--number", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many, at most."
)
@click.option("--python", metavar="PYTHON", help="The interpreter that has MLflow.")
@ENVIRONMENT
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_runs(number: int, python: str | None, environment: str | None, as_json: bool) -> int:
    """List the latest runs, wherever they ran, the last one first.

    The beginning of a run's id, as it is shown, is enough for all other commands. With -E they are those that the tracking server of that environment has.
    """
    from mxdev.flow import tracking
    from mxdev.project import environments
    from mxdev.project.project import project_root
    from mxdev.system import console

    root = project_root()
    store = tracking.store(root, os.environ, environment)
    runs = latest(root, store, python, os.environ, most=number)
    if as_json:
        console.out(json.dumps({"version": 1, "runs": runs}, indent=2))
    elif runs:
        console.table([_COLUMNS, *map(_row, runs)])
    else:
        text = f"{tracking.shown(store)} has no runs; `mx flow run` makes one."
        console.err(environments.commands(text, environment))
    return 0


@click.command("compare", short_help="Show where two runs differ.")
@click.argument("before", shell_complete=completion.runs)
@click.argument("now", required=False, shell_complete=completion.runs)
@click.option("--python", metavar="PYTHON", help="The interpreter that has MLflow.")
@ENVIRONMENT
def compare_runs(before: str, now: str | None, python: str | None, environment: str | None) -> int:
    """Show where two runs differ: code, parameters, data, versions of packages, metrics.

    BEFORE and NOW are ids of runs, or their beginnings; without NOW it is the latest run. The exit code is 1 if the runs differ in
    what should be the same, as after `mx flow rerun`.
    """
    from mxdev.errors import DONE, SAYS_NO, UsageProblem
    from mxdev.flow import tracking
    from mxdev.flow.rerun import compare, reading
    from mxdev.project.project import project_root
    from mxdev.system import console

    root = project_root()
    store = tracking.store(root, os.environ, environment)
    if now is None:
        found = latest(root, store, python, os.environ, most=1)
        if not found:
            raise UsageProblem(f"{tracking.shown(store)} has no runs.")
        now = str(found[0]["id"])
    interpreter = _interpreter(root, store, python, os.environ)
    one, other = (reading.read(interpreter, store, run) for run in (before, now))
    console.err(f"{one.title} against {other.title}:")
    parts = compare.compare(one, other)
    for line in compare.table(parts):
        console.out(line)
    return DONE if compare.repeated(parts) else SAYS_NO


def latest(
    root: Path, store: Store, python: str | None, environ: Mapping[str, str], *, most: int
) -> list[dict[str, Any]]:
    """The latest runs of a store, the last one first.

    Args:
        root: the project.
        store: where runs are recorded.
        python: `--python`.
        environ: the environment variables.
        most: how many, at most.

    Returns:
        For each run `id`, `name`, `experiment`, `status`, `start` and `end` (milliseconds since 1970; end may be None), `metrics`, `tags`.

    Raises:
        MxError: there is no MLflow, or the store cannot be read.
    """
    from mxdev.errors import MxError
    from mxdev.flow import tracking
    from mxdev.system import programs

    if store.folder is not None and not (store.folder / "mlflow.db").exists():
        return []
    interpreter = _interpreter(root, store, python, environ)
    script = Path(__file__).parent / "inside" / "list_runs.py"
    changes = dict.fromkeys(("PYTHONHOME", "MLFLOW_RUN_ID", "PYTHONPATH"))
    with tempfile.TemporaryDirectory(prefix="mx-flow-") as folder:
        answer = Path(folder, "answer.json")
        done = programs.run(
            [str(interpreter), str(script)],
            env={**changes, "MLFLOW_TRACKING_URI": store.uri},
            capture=True,
            input=json.dumps({"most": most, "answer": str(answer)}).encode(),
        )
        try:
            told = json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            told = {"error": done.stderr.decode("utf-8", "replace").strip()[-2000:]}
    if "error" in told:
        raise MxError(f"the runs in {tracking.shown(store)} cannot be read: {told['error']}")
    runs: list[dict[str, Any]] = told["runs"]
    return runs


def _interpreter(root: Path, store: Store, python: str | None, environ: Mapping[str, str]) -> Path:
    """The interpreter that has MLflow; no code of the project runs in it."""
    from mxdev.environment.choose import choose
    from mxdev.environment.local_folder import through
    from mxdev.flow import tracking

    found = choose(root, explicit=python, environ=environ, need_project=False, run_nothing=True)
    tracking.prepare(root, store)
    return through(root, found.python)


def _row(run: Mapping[str, Any]) -> list[str]:
    from datetime import datetime

    metrics = {name: value for name, value in run["metrics"].items() if not name.startswith("system/")}
    order = sorted(metrics, key=lambda name: (not name.startswith("test"), not name.startswith("val"), name))
    told = ", ".join(f"{name}={metrics[name]:.4g}" for name in order[:_MOST_METRICS])
    started = datetime.fromtimestamp(run["start"] / 1000)
    took = _took((run["end"] - run["start"]) // 1000) if run["end"] else "-"
    return [run["id"][:8], run["name"], run["status"], f"{started:%Y-%m-%d %H:%M}", took, told]


def _took(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h {seconds % 3600 // 60} min"
