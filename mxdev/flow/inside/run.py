"""Runs inside the project's interpreter, as a script: MLflow's own command line, plus a report for mx.

Only the standard library and MLflow are there; mx itself is not. `mlflow run` does not tell which run it made, except
in log lines. So this makes the experiment, calls MLflow's `run` with exactly the given arguments, notes the run that
is created, and writes what became of it to a file. It imports MLflow once where separate commands would do so thrice.
For a run on a cluster it also makes mx's project backend known to MLflow, since mx is not a plugin here.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

# How long training may take to end by itself after ^C, in seconds, before MLflow ends it with SIGTERM.
GRACE = 10


class Watch:
    """The run that MLflow made, and the signals that came."""

    def __init__(self, *, grace: int = GRACE) -> None:
        self.grace = grace
        self.run_id: str | None = None
        self.signals: list[int] = []

    def receive(self, number: int, _frame: object) -> None:
        """The first signal reaches training too, which may finish by itself; every later one does not wait."""
        self.signals.append(number)
        if self.grace and self.run_id is not None and len(self.signals) == 1:
            signal.alarm(self.grace)
            return
        raise KeyboardInterrupt

    def give_up(self, _number: int, _frame: object) -> None:
        """The time is over: MLflow's own way to cancel begins."""
        raise KeyboardInterrupt


def main() -> int:
    """Run MLflow as `sys.argv` says and report to the file that MX_FLOW_JOB names; the exit code is MLflow's."""
    job = json.loads(os.environ.pop("MX_FLOW_JOB"))
    # This script's folder would otherwise be searched for modules first, and it has a `setup` and a `tracking`.
    here = Path(__file__).resolve().parent
    sys.path[:] = [place for place in sys.path if Path(place).resolve() != here]
    # On a cluster it is the backend that cancels, and gives that its time.
    watch = Watch(grace=0 if job["cluster"] else GRACE)
    if not job["dry_run"]:
        watch.run_id = job["run_id"]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, watch.receive)
    signal.signal(signal.SIGALRM, watch.give_up)
    try:
        code = mlflow_run(job, watch)
    except KeyboardInterrupt:
        code = 1
    finally:
        signal.alarm(0)
    # What is left to do takes a moment; a further signal must not cut it short.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if watch.run_id is not None:
        try:
            report(job, watch, code)
        except Exception as problem:
            print(f"mx: the run was made, but its result could not be read: {problem}", file=sys.stderr)
    return 128 + watch.signals[0] if watch.signals else code


def mlflow_run(job: dict[str, Any], watch: Watch) -> int:
    """Make the experiment if it is missing, then call `mlflow run`."""
    from mlflow.cli import cli
    from mlflow.tracking import MlflowClient

    if job["cluster"]:
        register(job)
    if job["overrides"]:
        append(job["overrides"])
    create = MlflowClient.create_run

    def noting(self: Any, *arguments: Any, **options: Any) -> Any:
        run = create(self, *arguments, **options)
        if watch.run_id is None:
            watch.run_id = run.info.run_id
            begun(job, watch.run_id)
            for key, value in job["tags"].items():
                self.set_tag(watch.run_id, key, value)
        return run

    MlflowClient.create_run = noting  # type: ignore[method-assign,unused-ignore]
    try:
        if job["artifacts"]:
            with alone(job["lock"]):
                client = MlflowClient()
                if job["experiment"] and client.get_experiment_by_name(job["experiment"]) is None:
                    client.create_experiment(job["experiment"], artifact_location=job["artifacts"])
        cli.main(args=sys.argv[1:], prog_name="mlflow")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def begun(job: dict[str, Any], run_id: str) -> None:
    """Give the copy of what is printed the name of its run, and say what takes its time now."""
    if job["log"]:
        with contextlib.suppress(OSError):
            Path(job["log"]).replace(Path(job["log"]).with_name(f"{run_id}.log"))
    if not job["cluster"]:
        print(f"run {run_id[:10]} begins: loading the training code", file=sys.stderr, flush=True)


def append(overrides: list[str]) -> None:
    """Have MLflow append these to the command of the entry point, as Hydra reads them."""
    from mlflow.projects._project_spec import EntryPoint

    compute = EntryPoint.compute_command

    def with_overrides(self: Any, user_parameters: Any, storage_dir: Any) -> str:
        return " ".join([compute(self, user_parameters, storage_dir), *map(shlex.quote, overrides)])

    EntryPoint.compute_command = with_overrides  # type: ignore[method-assign,unused-ignore]


def register(job: dict[str, Any]) -> None:
    """Make the backend `mx` known to MLflow. In a dry run it shows the job in place of running it."""
    from mlflow import projects
    from mlflow.projects.backend import loader

    backend = beside("backend")
    loader.MLFLOW_BACKENDS["mx"] = backend.backend_builder
    if not job["dry_run"]:
        return

    def show(uri: str, entry_point: str, version: str | None, **options: Any) -> None:
        shown = backend.show(uri, entry_point, options["parameters"], version, options["backend_config"])
        Path(job["report"]).write_text(json.dumps(shown), encoding="utf-8")

    projects.run = show


def beside(name: str) -> ModuleType:
    """Import the module `name` of this script's folder, under a name that is nobody else's."""
    spec = importlib.util.spec_from_file_location(f"mx_flow_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def alone(lock: str) -> Iterator[None]:
    """Two first runs at the same time must not both make the tables of the store."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with Path(lock).open("a", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def report(job: dict[str, Any], watch: Watch, code: int) -> None:
    """Write what became of the run as JSON."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    run = client.get_run(watch.run_id)
    # Once there may be a job, its fate is the run's, and the backend has seen to that.
    if watch.signals and code and not (job["cluster"] and "mx.job" in run.data.tags):
        client.set_terminated(watch.run_id, "KILLED")
        run = client.get_run(watch.run_id)
    result = {
        "run_id": run.info.run_id,
        "experiment_id": run.info.experiment_id,
        "name": run.info.run_name,
        "status": run.info.status,
        "metrics": dict(run.data.metrics),
    }
    Path(job["report"]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
