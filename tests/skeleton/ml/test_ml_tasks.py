"""`--task tabular` and `--task text`: each trains on data that a package ships, and its own tests, types and style are clean."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from ml_environment import ml_python
from noted import package

from mxdev import testing
from mxdev.generator.tree import Tree
from mxdev_generators.ml_project_skeleton import tasks
from mxdev_generators.ml_project_skeleton.generator import MLProjectSkeleton

__all__ = ["ml_python"]
OTHERS = ("tabular", "text")
# A task.py with a class `Task` of something else.
_SWAPPED = Path(__file__).parent / "swapped_table.py"


def rendered(task: str) -> Tree:
    """The project whose task is looked at."""
    return testing.render(MLProjectSkeleton, name="m1", task=task)


def all_rendered() -> Tree:
    """Both of them in one tree, by which passes are noted."""
    tree = rendered("tabular")
    for path, file in rendered("text").files.items():
        tree.files[f"text/{path}"] = file
    return tree


noted = pytest.mark.noted.with_args(package(all_rendered))


@pytest.fixture(scope="module", params=OTHERS)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp(request.param)
    testing.write(rendered(request.param), root)
    return root


def python(ml_python: Path, project: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return subprocess.run(
        [ml_python, *arguments], cwd=project, env={**kept, "PYTHONPATH": str(project / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@noted
def test_it_trains_in_under_a_minute(ml_python: Path, project: Path) -> None:
    began = time.process_time() + sum(os.times()[2:4])
    done = python(ml_python, project, "-m", "m1.trainer")
    assert done.returncode == 0, done.stdout + done.stderr
    (accuracy,) = re.findall(r"^test accuracy (\d\.\d+), recall \d\.\d+, loss", done.stdout, re.M)
    assert float(accuracy) >= 0.93
    # Of one processor, whatever else the machine does.
    assert time.process_time() + sum(os.times()[2:4]) - began < 60


@noted
def test_its_own_tests_pass(ml_python: Path, project: Path) -> None:
    done = python(ml_python, project, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr


@noted
def test_types_are_right(ml_python: Path, project: Path, tmp_path: Path) -> None:
    done = python(ml_python, project, "-m", "mypy", "--cache-dir", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_style(project: Path) -> None:
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=project, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


@noted
def test_with_another_task_only_the_tests_of_this_one_mind(ml_python: Path, project: Path) -> None:
    source = project / "src" / "m1"
    task, values = source / "task.py", source / "conf" / "task" / "default.yaml"
    kept = task.read_text(), values.read_text()
    task.write_text(_SWAPPED.read_text(), encoding="utf-8")
    values.write_text("hidden: 16\n", encoding="utf-8")
    report = project / "report.xml"
    try:
        quick = ("tests/test_task.py", "tests/test_config.py", "tests/test_evaluation.py")
        own = next(path.name for path in (project / "tests").glob("test_*s.py") if path.name in _TESTS)
        done = python(ml_python, project, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                      f"--junitxml={report}", *quick, f"tests/{own}")  # fmt: skip
    finally:
        task.write_text(kept[0], encoding="utf-8")
        values.write_text(kept[1], encoding="utf-8")
    assert done.returncode == 1, done.stdout + done.stderr
    cases = list(ElementTree.parse(report).iter("testcase"))
    red = {case: found for case in cases for found in case if found.tag in ("failure", "error")}
    assert {case.get("classname") for case in red} == {f"tests.{own.removesuffix('.py')}"}, done.stdout
    for found in red.values():
        assert f"Write tests of your own data and network in place of tests/{own}" in (found.text or "")
    assert len(cases) > len(red) > 10


_TESTS = {example.tests for example in tasks.EXAMPLES.values()}


@functools.cache
def _images() -> Tree:
    return rendered("image")


@pytest.mark.parametrize("task", OTHERS)
def test_a_task_is_its_own_files_and_no_other(task: str) -> None:
    """Code outside of task.py and its values is the same for each; only words in README and docs, and the test, differ."""
    images, tree = _images(), rendered(task)
    differ = {path for path in images.files.keys() | tree.files.keys()
              if images.files.get(path, (0, 0))[1] != tree.files.get(path, (0, 0))[1]}  # fmt: skip
    assert differ <= {
        "src/m1/task.py", "src/m1/conf/task/default.yaml", "src/m1/conf/trainer.yaml", "tests/test_digits.py",
        f"tests/{tasks.EXAMPLES[task].tests}", "README.md", "docs/task.md", "docs/training.md",
    }  # fmt: skip
    assert "src/m1/task.py" in differ
    for path, file in tree.files.items():
        if path.startswith(("src/", "tests/", "MLproject", "docs/", "README")) and path not in (
            "src/m1/task.py",
            f"tests/{tasks.EXAMPLES[task].tests}",
        ):
            assert not re.search(r"\bdigits\b(?! only)", file.data.decode().replace("last digits", "")), path
