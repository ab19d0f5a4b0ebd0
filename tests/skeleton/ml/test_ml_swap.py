"""Another task in a generated project is one file and its values: all else trains it, and only the tests of the digits mind."""

from __future__ import annotations

import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import swapped_task
from ml_environment import ml_python
from noted import package

from mxdev import testing
from mxdev.tree import Tree
from mxdev_generators.ml_project_skeleton.generator import MLProjectSkeleton

__all__ = ["ml_python"]
_DATA = """
import sys
import numpy as np, zarr
for seed, (part, size) in enumerate({"train": 96, "validation": 32, "test": 32}.items()):
    random = np.random.default_rng(seed)
    masks = np.zeros((size, 16, 16), dtype="uint8")
    for mask in masks:
        row, column = random.integers(0, 12, 2)
        mask[row : row + 4, column : column + 4] = 1
    images = (masks + random.normal(0, 0.3, masks.shape)).astype("float32")
    group = zarr.open_group(f"{sys.argv[1]}/{part}.zarr", mode="w")
    group.create_array("images", data=images, chunks=(8, 16, 16))
    group.create_array("masks", data=masks, chunks=(8, 16, 16))
"""


def rendered() -> Tree:
    """The project whose task is swapped."""
    return testing.render(MLProjectSkeleton, name="m1")


pytestmark = pytest.mark.noted(package(rendered), swapped_task)


@pytest.fixture(scope="module")
def project(ml_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with another task.py, and another file of values."""
    root = tmp_path_factory.mktemp("swap")
    testing.write(rendered(), root)
    subprocess.run([ml_python, "-c", _DATA, root / "spots"], check=True)
    (root / "src/m1/task.py").write_text(swapped_task.SOURCE, encoding="utf-8")
    (root / "src/m1/conf/task/default.yaml").write_text(
        f"data: {root / 'spots'}\nchannels: 8\n", encoding="utf-8"
    )
    return root


def python(ml_python: Path, project: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    own = {"PYTHONPATH": str(project / "src"), "XDG_CACHE_HOME": str(project / "cache")}
    return subprocess.run(
        [ml_python, *arguments], cwd=project, env={**kept, **own}, capture_output=True, text=True, check=False
    )


def test_it_trains_and_evaluates(ml_python: Path, project: Path) -> None:
    settings = (
        "training.epochs=12",
        "training.learning_rate=0.02",
        "training.batch_size=16",
        "training.workers=1",
    )
    trained = python(ml_python, project, "-m", "m1.trainer", *settings)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    (iou, run) = re.findall(r"^test iou (\d\.\d+), loss \d\.\d+, run ([0-9a-f]{32})$", trained.stdout, re.M)[
        0
    ]
    assert float(iou) > 0.5
    evaluated = python(ml_python, project, "-m", "m1.evaluation", f"run_id={run}")
    assert f"test iou {iou}, " in evaluated.stdout, evaluated.stdout + evaluated.stderr
    assert "The data is not" not in evaluated.stdout


def test_only_the_tests_of_the_digits_mind(ml_python: Path, project: Path) -> None:
    report = project / "report.xml"
    done = python(ml_python, project, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}")
    assert done.returncode == 1, done.stdout + done.stderr
    cases = list(ElementTree.parse(report).iter("testcase"))
    red = {case: found for case in cases for found in case if found.tag in ("failure", "error")}
    assert {case.get("classname") for case in red} == {"tests.test_digits"}, done.stdout
    for found in red.values():
        assert "Write tests of your own data and network in place of tests/test_digits.py" in (
            found.text or ""
        )
    about_digits = [case for case in cases if case.get("classname") == "tests.test_digits"]
    assert len(about_digits) == len(red)
    assert len(cases) > 100


def test_no_other_file_knows_the_digits(project: Path) -> None:
    for path in (project / "src").rglob("*"):
        if path.is_file() and path.suffix in (".py", ".yaml"):
            assert not re.search(r"\bdigits?\b|DigitClassifier|CLASSES|MAX_PIXEL", path.read_text()), path
