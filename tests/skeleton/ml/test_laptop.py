"""`--cloud none`: few files that train on this machine; the cloud side comes in one plan, and goes again."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from golden import files
from ml_environment import ml_python

from mxdev import testing
from mxdev.generator.tree import Tree
from mxdev.testing import mx
from mxdev_generators.ml_project_skeleton.generator import MLProjectSkeleton

__all__ = ["ml_python"]
SOURCE = {"MX_OPT_MX_SOURCE": "index"}


def rendered() -> Tree:
    return testing.render(MLProjectSkeleton, name="m1", cloud="none")


noted = pytest.mark.noted.with_args(rendered)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("laptop")
    testing.write(rendered(), root)
    return root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    done = mx(
        "generate", "MLProjectSkeleton", "m1", "--cloud=none", "--no-input", "--skip-git",
        cwd=tmp_path, env=SOURCE,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    return tmp_path / "m1"


def python(ml_python: Path, project: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return subprocess.run(
        [ml_python, *arguments], cwd=project, env={**kept, "PYTHONPATH": str(project / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@functools.cache
def _paths(task: str) -> frozenset[str]:
    return frozenset(testing.render(MLProjectSkeleton, name="m1", cloud="none", task=task).files)


@pytest.mark.parametrize("task", ["image", "tabular", "text"])
def test_it_is_few_files_without_a_cluster(task: str) -> None:
    paths = _paths(task)
    assert len(paths) + len(["mx.yaml"]) <= 25
    words = ("kubernetes", "terraform", "docker", "devspace", "infrastructure")
    assert [path for path in paths if any(word in path.lower() for word in words)] == []


def test_style(project: Path) -> None:
    done = mx("lint", "--require-all", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_cloud_comes_in_one_plan_and_goes_again(project: Path) -> None:
    task = project / "src/m1/task.py"
    task.write_text(task.read_text() + "\nMINE = True\n")
    before = files(project)
    come = mx("set", "cloud=gcp", "--json", cwd=project)
    assert json.loads(come.stdout)["outcome"] == "applied", come.stdout + come.stderr
    statuses = {change["path"]: change["status"] for change in json.loads(come.stdout)["changes"]}
    assert statuses["src/m1/task.py"] == "keep"
    assert statuses["infrastructure/terraform/main.tf"] == statuses["devspace.yaml"] == "create"
    assert not {"conflict", "orphan"} & set(statuses.values())
    wanted = testing.render(MLProjectSkeleton, name="m1", mx_source="index").files
    now = files(project)
    assert [
        path for path, file in wanted.items() if path != "src/m1/task.py" and now[path][0] != file.data
    ] == []
    gone = mx("set", "cloud=none", "--json", cwd=project)
    assert json.loads(gone.stdout)["outcome"] == "applied", gone.stdout + gone.stderr
    after = files(project)
    assert {path: data for path, data in after.items() if path != "mx.yaml"} == {
        path: data for path, data in before.items() if path != "mx.yaml"
    }


@pytest.mark.parametrize(
    "generator", ["DistributedTraining", "Alerts", "GitLabCI", "GitHubActions", "CloudBuildDefaultConfig"]
)
def test_generators_that_need_a_cluster_say_so(project: Path, generator: str) -> None:
    before = files(project)
    done = mx("generate", generator, "--no-input", cwd=project)
    assert done.code != 0
    assert f"{generator} needs images and a cluster" in done.stderr
    assert "mx set cloud=existing" in done.stderr
    assert files(project) == before


def test_the_cluster_stays_while_something_needs_it(project: Path) -> None:
    assert mx("set", "cloud=existing", cwd=project).code == 0
    assert mx("generate", "DistributedTraining", "--no-input", cwd=project).code == 0
    before = files(project)
    done = mx("set", "cloud=none", "--no-input", cwd=project)
    assert done.code != 0
    assert "DistributedTraining needs images and a cluster" in done.stderr
    assert files(project) == before


@noted
def test_it_trains_twice_the_same_and_evaluates(ml_python: Path, trained: Path) -> None:
    first, second = (python(ml_python, trained, "-m", "m1.trainer") for _ in range(2))
    assert first.returncode == 0, first.stdout + first.stderr

    def epochs(text: str) -> list[str]:
        return [re.sub(r"[\d.]+ s$", "", line) for line in text.splitlines() if line.startswith("epoch")]

    assert len(epochs(first.stdout)) == 30
    assert epochs(first.stdout) == epochs(second.stdout)
    (accuracy,) = re.findall(r"^test accuracy (\d\.\d{4})", first.stdout, re.M)
    assert float(accuracy) >= 0.95
    evaluated = python(ml_python, trained, "-m", "m1.evaluation")
    assert f"test accuracy {accuracy}, " in evaluated.stdout, evaluated.stdout + evaluated.stderr


@noted
def test_its_own_tests_pass(ml_python: Path, trained: Path) -> None:
    done = python(ml_python, trained, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr


@noted
def test_patience_ends_training_and_the_best_weights_stay(ml_python: Path, trained: Path) -> None:
    done = python(ml_python, trained, "-m", "m1.trainer", "training.patience=2", "training.learning_rate=0.2")
    assert done.returncode == 0, done.stdout + done.stderr
    losses = [float(found) for found in re.findall(r"validation_loss (\d+\.\d+)", done.stdout)]
    best = losses.index(min(losses)) + 1
    assert f"no epoch since {best} was better" in done.stdout
    assert len(losses) == best + 2 < 30


@noted
def test_a_stream_is_refused_with_what_to_do(ml_python: Path, trained: Path) -> None:
    code = (
        "from m1.data import Stream; from m1.data.loader import Loader\n"
        "class Shards:\n    sizes = [1]\n    def read(self, ranges): return [0]\n"
        "Loader(Stream(Shards()), list, None, None)"
    )
    done = python(ml_python, trained, "-c", code)
    assert "TypeError" in done.stderr
    assert "`mx set cloud=existing` brings them" in done.stderr


@noted
def test_types_are_right(ml_python: Path, trained: Path, tmp_path: Path) -> None:
    done = python(ml_python, trained, "-m", "mypy", "--cache-dir", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_code_that_is_not_its_own_is_that_of_a_project_with_a_cluster() -> None:
    """A module that both have is one template, unless it is simpler without a cluster."""
    full, small = testing.render(MLProjectSkeleton, name="m1").files, rendered().files
    own = {path for path, file in small.items() if path not in full or full[path].data != file.data}
    assert own == {
        "MLproject", "README.md", "pyproject.toml", "src/m1/conf/trainer.yaml", "src/m1/conf/training/default.yaml",
        "src/m1/config.py", "src/m1/data/loader.py", "src/m1/processes.py", "src/m1/trainer.py", "tests/conftest.py",
    }  # fmt: skip


def test_an_interpreter_compiles_all_of_it(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "src", "tests"], cwd=project, check=False
    )
    assert done.returncode == 0
