"""Runs the trainer of a generated project under `torchrun`, and looks at its processes and at what it logged."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CREATE = """
import mlflow, sys
from mlflow.tracking import MlflowClient
client = MlflowClient(f"sqlite:///{sys.argv[1]}/mlflow.db")
experiment = client.create_experiment("m1", artifact_location=f"file://{sys.argv[1]}/artifacts")
print(client.create_run(experiment).info.run_id)
"""


@dataclass
class Trainer:
    """The trainer of the project at `root`, with a store of its own in `store`."""

    python: Path
    root: Path
    store: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Nothing of MLflow's but the store, and the project's package."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        return {
            **kept,
            "PYTHONPATH": str(self.root / "src"),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.store / 'mlflow.db'}",
            **more,
        }

    def start(
        self, *arguments: str, processes: int = 0, restarts: int = 0, **more: str
    ) -> subprocess.Popen[str]:
        """Start the trainer: in this many processes under torchrun, or without torchrun."""
        head: list[str | Path] = [self.python, "-m", *(["torch.distributed.run"] if processes else [])]
        if processes:
            head += ["--standalone", f"--nproc-per-node={processes}", f"--max-restarts={restarts}", "-m"]
        return self._start(head, arguments, more)

    def machine(self, rank: int, port: int, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """Start one of two torchruns with a process each, as the pods of a job do; the first listens on `port`."""
        where = {"PET_MASTER_ADDR": "127.0.0.1", "PET_MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
        head = [self.python, "-m", "torch.distributed.run", "--nproc-per-node=1", "-m"]
        return self._start(head, arguments, {**where, "PET_NNODES": "2", "PET_NODE_RANK": str(rank), **more})

    def _start(
        self, head: list[str | Path], arguments: tuple[str, ...], more: dict[str, str]
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*head, "m1.trainer", *arguments],
            cwd=self.root, env=self.environment(**more), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def train(self, *arguments: str, processes: int = 0, **more: str) -> dict[str, Any]:
        """Train to the end; the run."""
        known = {run["id"] for run in self.runs()}
        started = self.start(*arguments, processes=processes, **more)
        output = started.communicate()[0]
        assert started.returncode == 0, output
        (run,) = [run for run in self.runs() if run["id"] not in known]
        return run

    def new_run(self) -> str:
        """The id of a run that waits to be joined, as `mlflow run` makes it."""
        return self._python(_CREATE, self.store).strip()

    def runs(self) -> list[dict[str, Any]]:
        """All runs of the store, with `id`, `status`, `tags` and `metrics` (name: list of step and value).

        Read from its tables: MLflow's client takes seconds of a processor to be imported, each time.
        """
        database = self.store / "mlflow.db"
        if not database.exists():
            return []
        with contextlib.closing(sqlite3.connect(database)) as store:
            found: dict[str, dict[str, Any]] = {
                run: {"id": run, "status": status, "tags": {}, "metrics": {}}
                for run, status in store.execute("SELECT run_uuid, status FROM runs")
            }
            for run, name, value in store.execute("SELECT run_uuid, key, value FROM tags"):
                found[run]["tags"][name] = value
            # MLflow keeps what is no number as 0, beside a mark.
            history = "SELECT run_uuid, key, step, value, is_nan FROM metrics ORDER BY timestamp, step, value"
            for run, name, step, value, is_nan in store.execute(history):
                number = math.nan if is_nan else value
                found[run]["metrics"].setdefault(name, []).append((step, number))
        return list(found.values())

    def _python(self, script: str, *arguments: Path) -> str:
        done = subprocess.run(
            [self.python, "-c", script, *arguments],
            env=self.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


def ranks(agent: subprocess.Popen[str]) -> dict[int, int]:
    """The processes that a torchrun started: their ids by their rank."""
    children = [pid for pid in _processes() if _parent(pid) == agent.pid]
    return {int(_environment(pid)["RANK"]): pid for pid in children if "RANK" in _environment(pid)}


def kill(agent: subprocess.Popen[str], rank: int) -> None:
    """End one process as the kernel does when memory runs out."""
    os.kill(ranks(agent)[rank], signal.SIGKILL)


def kill_all(agent: subprocess.Popen[str]) -> None:
    """End a torchrun and its processes, as when their machine is lost."""
    for pid in (agent.pid, *ranks(agent).values()):
        os.kill(pid, signal.SIGKILL)


def _processes() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]


def _environment(pid: int) -> dict[str, str]:
    try:
        items = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return {}  # it is gone
    return dict(item.partition("=")[::2] for item in items)


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
