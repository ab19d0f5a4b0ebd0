"""Model: what it renders is right by the real tools, comes and goes without a trace, and a task trains with it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from covering import EVERYDAY, Row, label, rows
from everyday import LONGEST, add, python, start
from golden import files
from ml_environment import check_types, ml_python

from mxdev import testing
from mxdev.flow.declared import mlproject
from mxdev.testing import mx
from mxdev_generators.names.rules import package_name

__all__ = ["ml_python"]
# Those with the longest name: the rest is as in test_entry_point.py.
ROWS = [row for row in rows(EVERYDAY) if row["instance"] == LONGEST]
# Names that stand in the template, too.
AWKWARD = ("network", "batch", "model")


@pytest.mark.parametrize("row", ROWS, ids=map(label, ROWS))
def test_it_has_style_and_goes_without_a_trace(row: Row, tmp_path: Path) -> None:
    options = (f"--cloud={row['cloud']}", f"--task={row['task']}")
    project = start(tmp_path, row["project"], *options)
    before = files(project)
    for name in (row["instance"], "another"):
        add(project, "Model", name)
    done = mx("lint", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr
    package = package_name(row["project"])
    entry = mlproject.read(project).entry_points[row["instance"]]
    assert entry.command == f"python -m {package}.{row['instance']} batch={{batch}}"
    answer = json.loads(mx("generate", "Model", row["instance"], "--json", cwd=project).stdout)
    assert answer["outcome"] == "nothing"
    done = mx("destroy", f"Model:{row['instance']}", "Model:another", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    assert files(project) == before


def test_a_name_that_cannot_be_is_refused(tmp_path: Path) -> None:
    done = mx("generate", "Model", "trainer", "--no-input", cwd=start(tmp_path, "m1", "--cloud=none"))
    assert done.code == 2
    assert "Take another, such as trainer_net" in done.stderr


def rendered() -> SimpleNamespace:
    """What the tests below depend on, for their notes."""
    skeleton = [testing.render("MLProjectSkeleton", name="m1", cloud="none", task=task) for task in TASKS]
    own = testing.render("Model", name="wide", cloud="none")
    return SimpleNamespace(
        files={f"{number}/{path}": file for number, tree in enumerate([*skeleton, own]) for path, file in tree.files.items()},
        sections=own.sections,
    )  # fmt: skip


TASKS = ("image", "tabular", "text")
noted = pytest.mark.noted.with_args(rendered)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = start(tmp_path_factory.mktemp("model"), "m1", "--cloud=none")
    for name in ("wide", LONGEST, *AWKWARD):
        add(project, "Model", name)
    return project


@noted
def test_its_own_tests_pass(ml_python: Path, written: Path) -> None:
    own = [f"tests/test_{name}.py" for name in ("wide", LONGEST, *AWKWARD)]
    done = python(ml_python, written, "-m", "pytest", "-q", "-p", "no:cacheprovider", *own)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "45 passed" in done.stdout


@noted
@pytest.mark.parametrize("task", TASKS)
def test_it_is_measured_on_every_task(ml_python: Path, tmp_path: Path, task: str) -> None:
    project = start(tmp_path, "m1", "--cloud=none", f"--task={task}")
    add(project, "Model", "wide")
    done = python(ml_python, project, "-m", "m1.wide", "batch=5", "model.width=9")
    assert done.stdout.startswith("parameters "), done.stdout + done.stderr


@noted
def test_types_are_right(ml_python: Path, written: Path) -> None:
    check_types(ml_python, written)


@noted
def test_a_task_trains_with_it_as_its_module_says(ml_python: Path, written: Path) -> None:
    task, values = written / "src/m1/task.py", written / "src/m1/conf/task/default.yaml"
    text = task.read_text()
    text = text.replace("from .data import", "from .wide import Network\nfrom .data import")
    text = text.replace("    channels: int\n", "    network: Network\n    channels: int\n")
    built = "self.network.build(inputs=(8, 8), outputs=(10,))"
    text = text.replace("DigitClassifier(self.channels, self.hidden, self.dropout)", built)
    task.write_text(text)
    values.write_text(f"defaults:\n  - /model@network: wide\n  - _self_\n{values.read_text()}")
    done = python(ml_python, written, "-m", "m1.trainer", "training.epochs=2", "task.network.width=32")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "accuracy" in done.stdout + done.stderr
    done = python(ml_python, written, "-m", "m1.wide", "model.width=32", "model.depth=1")
    parameters = (64 + 1) * 32 + (32 + 1) * 10
    assert done.stdout.startswith(f"parameters {parameters},"), done.stdout + done.stderr
