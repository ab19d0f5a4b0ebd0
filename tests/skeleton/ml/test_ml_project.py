"""The generated project, really installed nowhere but run: it trains, twice the same, evaluates, and notices mutants."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import ml_mutants
import pytest
from ml_environment import check_types, ml_python
from noted import package

from mxdev import testing
from mxdev.generator.tree import Tree
from mxdev_generators.ml_project_skeleton.generator import MLProjectSkeleton

__all__ = ["ml_python"]


def rendered() -> Tree:
    """The project that is looked at."""
    return testing.render(MLProjectSkeleton, name="m1")


pytestmark = pytest.mark.noted(package(rendered), ml_mutants)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated project in a fresh repository, in a folder with a blank in its name."""
    folder = tmp_path_factory.mktemp("ml") / "my projects"
    folder.mkdir()
    testing.write(rendered(), folder)
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    return folder


def environment(project: Path) -> dict[str, str]:
    """The environment without anything of MLflow, and with the project's package."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return {**kept, "PYTHONPATH": str(project / "src"), "MLFLOW_DISABLE_TELEMETRY": "true"}


def run(python: Path, project: Path, module: str, *arguments: str) -> str:
    done = subprocess.run(
        [python, "-m", f"m1.{module}", *arguments],
        cwd=project, env=environment(project), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def accuracy(output: str) -> float:
    return float(re.findall(r"^test accuracy (\d\.\d{4})", output, re.M)[0])


def test_it_trains_twice_the_same_and_evaluates(ml_python: Path, project: Path) -> None:
    """As a person does it who has no mx: nothing is configured, and nothing lies about afterwards."""
    before = {path.name for path in project.iterdir()}
    first = run(ml_python, project, "trainer")
    second = run(ml_python, project, "trainer")
    assert accuracy(first) >= 0.95
    epochs = [re.sub(r"[\d.]+ s$", "", line) for line in first.splitlines() if line.startswith("epoch")]
    assert len(epochs) == 30
    again = [re.sub(r"[\d.]+ s$", "", line) for line in second.splitlines() if line.startswith("epoch")]
    assert again == epochs
    assert accuracy(second) == accuracy(first)

    (run_id,) = re.findall(r"run ([0-9a-f]{32})$", first, re.M)
    evaluated = run(ml_python, project, "evaluation", f"run_id={run_id}")
    assert run_id in evaluated
    assert accuracy(evaluated) == accuracy(first)

    artifacts = project / ".mlflow" / "artifacts" / run_id / "artifacts"
    assert "diff --git" in (artifacts / "uncommitted.diff").read_text()
    assert (artifacts / "confusion_matrix.png").stat().st_size > 5000
    assert json.loads((artifacts / "config.json").read_text())["seed"] == 1
    left = {path.name for path in project.iterdir()} - before
    assert left == {".mlflow"}


def test_its_own_tests_pass_and_notice_mutants(ml_python: Path, project: Path, tmp_path: Path) -> None:
    names = [] if os.environ.get("MX_TEST_ALL") else sorted(ml_mutants.QUICK)
    done = subprocess.run(
        [ml_python, Path(ml_mutants.__file__), project, tmp_path, *names],
        env={**environment(project), "PYTHONPATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    results = {result["name"]: result for result in map(json.loads, done.stdout.splitlines())}
    whole = results.pop("nothing")
    assert whole["code"] == 0, (tmp_path / "0" / "output.txt").read_text()
    assert len(results) == len(names or ml_mutants.MUTANTS)
    unnoticed = [name for name, result in results.items() if result["code"] != 1 or not result["failed"]]
    assert unnoticed == []


def test_mutants_are_of_the_project() -> None:
    """Every mutant changes something, so none of them is noticed for nothing."""
    tree = rendered()
    for mutant in ml_mutants.MUTANTS:
        source = testing.text(tree, f"src/m1/{mutant.file}")
        assert mutant.old in source, mutant.name
        assert mutant.new != mutant.old
        compile(source.replace(mutant.old, mutant.new), mutant.file, "exec")
    assert {mutant.name for mutant in ml_mutants.MUTANTS} >= ml_mutants.QUICK


def test_types_are_right(ml_python: Path, project: Path) -> None:
    """With the real types of PyTorch and MLflow, which mx's own environment lacks."""
    command = [ml_python, "-m", "mypy", "--version"]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip(f"{ml_python} has no mypy: `uv pip install mypy` into its environment")
    check_types(ml_python, project)


def test_documentation_builds(ml_python: Path, project: Path, tmp_path: Path) -> None:
    sphinx = ml_python.parent / "sphinx-build"
    if not sphinx.exists():
        pytest.skip(
            f"{ml_python} has no sphinx: `uv pip install sphinx furo myst-parser` into its environment"
        )
    done = subprocess.run(
        [sphinx, "-W", "--keep-going", "-n", "-q", "-b", "html", "docs", tmp_path],
        cwd=project, env=environment(project), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "DigitClassifier" in (tmp_path / "reference.html").read_text()
    front = (tmp_path / "index.html").read_text()
    assert front.index("task.html") < front.index("reference.html")
    # A page of pages, not of every function; and nobody's copyright.
    assert "DigitClassifier" not in front
    assert "Copyright" not in front
