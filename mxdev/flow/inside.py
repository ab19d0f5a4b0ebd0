"""Runs inside the project's interpreter, as a script: MLflow's own command line, plus a report for mx.

Only the standard library and MLflow are there; mx itself is not. `mlflow run` does not tell which run it made, except
in log lines. So this makes the experiment, calls MLflow's `run` with exactly the given arguments, notes the run that
is created, and writes what became of it to a file. It imports MLflow once where separate commands would do so thrice.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# How long training may take to end by itself after ^C, in seconds, before MLflow ends it with SIGTERM.
GRACE = 10


class Watch:
    """The run that MLflow made, and the signals that came."""

    def __init__(self) -> None:
        self.run_id: str | None = None
        self.signals: list[int] = []

    def receive(self, number: int, _frame: object) -> None:
        """The first signal reaches training too, which may finish by itself; every later one does not wait."""
        self.signals.append(number)
        if self.run_id is not None and len(self.signals) == 1:
            signal.alarm(GRACE)
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
    watch = Watch()
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

    create = MlflowClient.create_run

    def noting(self: Any, *arguments: Any, **options: Any) -> Any:
        run = create(self, *arguments, **options)
        watch.run_id = watch.run_id or run.info.run_id
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
    if watch.signals and code:
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
