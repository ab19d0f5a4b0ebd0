"""Dataset: what it renders is right by the real tools, comes and goes without a trace, and a task trains on it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from covering import EVERYDAY, Row, label, rows
from everyday import LONGEST, TEMPLATES, add, python, start
from golden import files
from ml_environment import check_types, ml_python

from mxdev import testing
from mxdev.flow.declared import mlproject
from mxdev.testing import mx
from mxdev_generators.names.rules import package_name

__all__ = ["ml_python"]
ROWS = rows(EVERYDAY)
TASK = '''"""Which customers leave?"""

from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from .data import Datasets
from .data.customers import Table


@dataclass
class Task:
    """The fields are the values of `conf/task/*.yaml`."""

    dataset: Table
    hidden: int

    def datasets(self) -> Datasets:
        """Examples are pairs: the numbers of a row, and 1.0 where the customer left."""
        return self.dataset.datasets()

    def model(self) -> nn.Module:
        """A network that has learned nothing yet."""
        layers = nn.Linear(2, self.hidden), nn.ReLU(), nn.Linear(self.hidden, 1), nn.Flatten(0)
        return nn.Sequential(*layers)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean over the batch."""
        return binary_cross_entropy_with_logits(outputs, targets)

    def counts(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """What is added up over all batches."""
        right = ((outputs > 0) == (targets > 0.5)).sum()
        return {"right": right, "all": torch.tensor(len(targets))}

    def metrics(self, totals: dict[str, Tensor]) -> dict[str, float]:
        """How many are right."""
        return {"accuracy": totals["right"].item() / totals["all"].item()}

    def figures(self, totals: dict[str, Tensor]) -> dict[str, Figure]:
        """None."""
        return {}

    def example(self) -> Tensor:
        """Some rows."""
        return self.dataset.load()[1][:4]
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return start(tmp_path, "m1", "--cloud=none")


@pytest.mark.parametrize("row", ROWS, ids=map(label, ROWS))
def test_it_has_style_and_goes_without_a_trace(row: Row, tmp_path: Path) -> None:
    options = (f"--cloud={row['cloud']}", f"--task={row['task']}")
    project = start(tmp_path, row["project"], *options)
    before = files(project)
    add(project, "Dataset", row["instance"], "--path=in/a-b.csv", "--target=no")
    add(project, "Dataset", "another")
    done = mx("lint", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr
    package = package_name(row["project"])
    entry = mlproject.read(project).entry_points[row["instance"]]
    assert entry.command == f"python -m {package}.data.{row['instance']} dataset.path={{path}}"
    assert entry.parameters["path"].default == "in/a-b.csv"
    assert mlproject.read(project).entry_points["another"].parameters["path"].default == "data/another.csv"
    answer = json.loads(mx("generate", "Dataset", row["instance"], "--json", cwd=project).stdout)
    assert answer["outcome"] == "nothing"
    done = mx("destroy", f"Dataset:{row['instance']}", "Dataset:another", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    assert files(project) == before


def test_an_update_merges_with_what_a_person_wrote(project: Path) -> None:
    add(project, "Dataset", "customers")
    values = project / "src/m1/conf/dataset/customers.yaml"
    values.write_text(values.read_text().replace("skip: []", "skip: [id]"))
    name = "src/{{ package }}/conf/dataset/{{ name }}.yaml.jinja"
    template = project / ".mx/overrides/Dataset" / name
    template.parent.mkdir(parents=True)
    text = (TEMPLATES / "dataset/templates" / name).read_text()
    template.write_text(text.replace("test_fraction: 0.15", "test_fraction: 0.2"))
    done = mx("update", "--json", cwd=project)
    statuses = {change["path"]: change["status"] for change in json.loads(done.stdout)["changes"]}
    assert statuses["src/m1/conf/dataset/customers.yaml"] == "merge"
    assert "skip: [id]\n" in values.read_text()
    assert "test_fraction: 0.2\n" in values.read_text()


def test_a_name_that_an_entry_point_has_is_refused(project: Path) -> None:
    add(project, "EntryPoint", "customers")
    before = files(project)
    done = mx("generate", "Dataset", "customers", "--no-input", cwd=project)
    assert done.code != 0
    assert "EntryPoint:customers" in done.stderr
    assert "Dataset:customers" in done.stderr
    assert files(project) == before


@pytest.mark.parametrize("option", ["--path=../a.csv", "--path=a b.csv", "--target=a-b", "--target=$x"])
def test_a_value_that_cannot_be_is_refused(project: Path, option: str) -> None:
    done = mx("generate", "Dataset", "customers", option, "--no-input", cwd=project)
    assert done.code == 2
    assert "must be" in done.stderr


def rendered() -> SimpleNamespace:
    """What the tests below depend on, for their notes."""
    skeleton = testing.render("MLProjectSkeleton", name="m1", cloud="none")
    own = testing.render("Dataset", name="customers", cloud="none")
    return SimpleNamespace(files={**skeleton.files, **own.files}, sections=own.sections)


noted = pytest.mark.noted.with_args(rendered)


@pytest.fixture
def written(project: Path) -> Path:
    """A project with a dataset of customers whose table is not there yet, and others."""
    add(project, "Dataset", "customers", "--target=left")
    for name in (LONGEST, "dataset_1", "path"):
        add(project, "Dataset", name)
    return project


@noted
def test_its_own_tests_pass_and_types_are_right(ml_python: Path, written: Path) -> None:
    own = [f"tests/test_{name}.py" for name in ("customers", LONGEST, "dataset_1", "path")]
    done = python(ml_python, written, "-m", "pytest", "-q", "-p", "no:cacheprovider", *own)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "92 passed" in done.stdout
    check_types(ml_python, written)


@noted
def test_a_table_is_described_and_a_task_trains_on_it(ml_python: Path, written: Path) -> None:
    done = python(ml_python, written, "-m", "m1.data.customers")
    assert done.returncode == 1
    assert done.stderr.endswith(
        "data/customers.csv does not exist. Put the table there, or set dataset.path.\n"
    )
    table = written / "data/customers.csv"
    table.parent.mkdir()
    lines = [f"{row % 10},{row % 7},{int(row % 10 > 4)}" for row in range(200)]
    table.write_text("\n".join(["calls,months,left", *lines]) + "\n")
    # As docs/generators/dataset.md says.
    (written / "src/m1/task.py").write_text(TASK)
    (written / "src/m1/conf/task/default.yaml").write_text(
        "defaults:\n  - /dataset@dataset: customers\nhidden: 16\n"
    )
    done = python(ml_python, written, "-m", "m1.data.customers")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rows 200\ncolumns 2\ntrain 140\n" in done.stdout
    assert "left.min 0\nleft.max 1\nleft.mean 0.5\n" in done.stdout
    done = python(
        ml_python, written, "-m", "m1.trainer", "training.epochs=20", "task.dataset.test_fraction=0.25",
        "training.learning_rate=0.02",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (accuracy,) = re.findall(r"^test accuracy (\d\.\d{4})", done.stdout, re.M)
    assert float(accuracy) >= 0.85  # half of them left
    check_types(ml_python, written)
