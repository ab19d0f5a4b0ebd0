"""Sweep: what it renders is right by the real tools, and a search that is killed goes on with each trial once."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from covering import EVERYDAY, Row, label, rows
from everyday import add, python, start
from golden import files
from ml_environment import check_types, ml_python

from mxdev import testing
from mxdev.flow.declared import mlproject
from mxdev.testing import mx

__all__ = ["ml_python"]
ROWS = rows(EVERYDAY)


@pytest.mark.parametrize("row", ROWS, ids=map(label, ROWS))
def test_it_has_style_and_goes_without_a_trace(row: Row, tmp_path: Path) -> None:
    options = (f"--cloud={row['cloud']}", f"--task={row['task']}")
    project = start(tmp_path, row["project"], *options)
    before = files(project)
    add(project, "Sweep", row["instance"], "--trials", "7")
    add(project, "Sweep", "another")
    done = mx("lint", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr
    entry = mlproject.read(project).entry_points[row["instance"]]
    assert entry.parameters["trials"].default == "7"
    assert (project / "pyproject.toml").read_text().count('  "optuna>=4.5,<6",\n') == 2
    again = mx("generate", "Sweep", "another", "--json", cwd=project)
    assert json.loads(again.stdout)["outcome"] == "nothing"
    done = mx("destroy", f"Sweep:{row['instance']}", "Sweep:another", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    assert files(project) == before


def rendered() -> SimpleNamespace:
    """What the tests below depend on, for their notes."""
    skeleton = testing.render("MLProjectSkeleton", name="m1", cloud="existing")
    own = testing.render("Sweep", name="search", cloud="existing", at_once=2)
    return SimpleNamespace(files={**skeleton.files, **own.files}, sections=own.sections)


noted = pytest.mark.noted.with_args(rendered)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = start(tmp_path_factory.mktemp("sweep"), "m1", "--cloud=existing")
    add(project, "Sweep", "search", "--at-once=2")
    return project


@noted
def test_its_own_tests_pass_and_its_types_are_right(ml_python: Path, written: Path) -> None:
    done = python(ml_python, written, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_search.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "25 passed" in done.stdout
    check_types(ml_python, written)


@noted
def test_its_own_tests_are_red_when_it_is_broken(ml_python: Path, written: Path) -> None:
    module = written / "src/m1/search.py"
    whole = module.read_text()
    module.write_text(whole.replace("if STATE not in run.data.tags]", "if False]"))
    done = python(ml_python, written, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_search.py")
    module.write_text(whole)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 failed, 23 passed" in done.stdout


def of_trials(store: Path) -> dict[str, str | None]:
    """How each trial ended, by the id of its run; None: it has not."""
    if not store.exists():
        return {}
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as asked:
        try:
            return dict(
                asked.execute(
                    "SELECT n.run_uuid, s.value FROM tags n LEFT JOIN tags s ON s.run_uuid = n.run_uuid AND s.key = 'search.state' "
                    "WHERE n.key = 'search.number'"
                ).fetchall()
            )
        except sqlite3.OperationalError:  # its tables are being made
            return {}


def test_a_search_that_is_killed_goes_on_with_each_trial_once(ml_python: Path, tmp_path: Path) -> None:
    project = start(tmp_path, "m1", "--cloud=existing")
    add(project, "Sweep", "search")
    command = ["-m", "m1.search", "trials=3", 'fixed=["training.epochs=2"]', "prune_after=0"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    store = project / ".mlflow/mlflow.db"
    with subprocess.Popen(
        [ml_python, *command], cwd=project, env={**kept, "PYTHONPATH": str(project / "src")},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as search:  # fmt: skip
        until = time.monotonic() + 240
        while len(of_trials(store)) < 2 and time.monotonic() < until:
            assert search.poll() is None, search.stdout.read() if search.stdout else ""
            time.sleep(0.1)
        search.send_signal(signal.SIGKILL)
        # The training lets go of the pipe when it ends, too.
        search.communicate(timeout=60)
    first = of_trials(store)
    assert sorted(first.values(), key=str) == [None, "complete"]
    with sqlite3.connect(store) as asked:
        (parent,) = asked.execute(
            "SELECT DISTINCT value FROM tags WHERE key = 'mlflow.parentRunId'"
        ).fetchone()
    done = subprocess.run(
        [ml_python, *command], cwd=project,
        env={**kept, "PYTHONPATH": str(project / "src"), "MLFLOW_RUN_ID": parent},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 trials are done, 1 go on" in done.stdout
    last = of_trials(store)
    assert list(last.values()) == ["complete"] * 3
    assert first.keys() < last.keys()
    begun = [line for line in done.stdout.splitlines() if "device: " in line]
    assert len(begun) == 2, done.stdout
