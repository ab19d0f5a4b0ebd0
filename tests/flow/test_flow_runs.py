"""`mx flow list` and `mx flow compare`, with the real MLflow and a store of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from flow_projects import mx
from ml_environment import ml_python

__all__ = ["ml_python"]

RUNS = """
import mlflow
mlflow.set_experiment("p")
for number in (1, 2):
    with mlflow.start_run(run_name=f"run-{number}"):
        mlflow.log_param("epochs", number)
        mlflow.log_metrics({"test_accuracy": 0.9, "train_loss": 0.1, "system/cpu": 1.0})
"""


@pytest.fixture(scope="module")
def root(ml_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two runs in its own store."""
    root = tmp_path_factory.mktemp("runs") / "p"
    (root / ".mlflow").mkdir(parents=True)
    (root / "mx.yaml").write_text("version: 1\noptions: {name: p}\n")
    uri = f"sqlite:///{root / '.mlflow' / 'mlflow.db'}"
    environ = {"MLFLOW_TRACKING_URI": uri, "PATH": "/usr/bin:/bin", "HOME": str(root)}
    subprocess.run([ml_python, "-c", RUNS], cwd=root, env=environ, check=True, capture_output=True)
    return root


def test_the_latest_runs_are_listed_the_last_one_first(root: Path, ml_python: Path) -> None:
    done = mx("flow", "list", "--python", str(ml_python), cwd=root)
    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["RUN", "NAME", "STATUS", "WHEN", "TOOK", "METRICS"]
    assert [row.split()[1] for row in rows] == ["run-2", "run-1"]
    assert "test_accuracy=0.9, train_loss=0.1" in rows[0]
    assert "system/" not in done.stdout


def test_two_runs_are_compared_by_the_beginnings_of_their_ids(root: Path, ml_python: Path) -> None:
    listed = mx("flow", "list", "-n", "2", "--json", "--python", str(ml_python), cwd=root)
    now, before = (run["id"] for run in json.loads(listed.stdout)["runs"])
    done = mx("flow", "compare", before[:12], now[:12], "--python", str(ml_python), cwd=root)
    assert done.returncode == 1, done.stderr
    assert "epochs" in done.stdout
    assert mx("flow", "compare", before[:12], "--python", str(ml_python), cwd=root).stdout == done.stdout
    same = mx("flow", "compare", now[:12], now[:12], "--python", str(ml_python), cwd=root)
    assert same.returncode == 0, (same.stdout, same.stderr)
    wrong = mx("flow", "compare", "ffffffffffff", "--python", str(ml_python), cwd=root)
    assert wrong.returncode == 2
    assert "has no run ffffffffffff" in wrong.stderr


def test_a_project_without_runs(tmp_path: Path) -> None:
    (tmp_path / "mx.yaml").write_text("version: 1\noptions: {name: p}\n")
    done = mx("flow", "list", cwd=tmp_path)
    assert done.returncode == 0
    assert "has no runs; `mx flow run` makes one" in done.stderr
