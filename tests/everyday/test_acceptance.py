"""Acceptance: what it renders is right by the real tools, and the gate refuses a worse model and promotes a better one."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest
from covering import EVERYDAY, Row, label, rows
from everyday import python, start
from golden import files
from ml_environment import check_types, ml_python

from mxdev import testing
from mxdev.flow.declared import mlproject
from mxdev.testing import mx
from mxdev_generators.names.rules import OWN_NAMES

__all__ = ["ml_python"]
CHOICES = {
    **{name: EVERYDAY[name] for name in ("project", "task", "cloud", "accelerator")},
    "model": (None, "a.model_of-others"),
    "metric": ("loss", "accuracy"),
    "better": ("less", "more"),
    "decide": ("rule", "person"),
}
ROWS = rows(CHOICES)


def gate(project: Path, *options: str) -> None:
    """What `mx generate Acceptance` adds."""
    done = mx("generate", "Acceptance", *options, "--no-input", cwd=project)
    assert done.code == 0, done.stderr


@pytest.mark.parametrize("row", ROWS, ids=map(label, ROWS))
def test_it_has_style_and_goes_without_a_trace(row: Row, tmp_path: Path) -> None:
    project = start(tmp_path, row["project"], f"--cloud={row['cloud']}", f"--task={row['task']}")
    before = files(project)
    own = ("model", "metric", "better", "decide")
    gate(project, *(f"--{name}={row[name]}" for name in own if name in row))
    done = mx("lint", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr
    entry = mlproject.read(project).entry_points["accept"]
    assert entry.parameters["decide"].default == row["decide"]
    again = mx("generate", "Acceptance", "--json", cwd=project)
    assert json.loads(again.stdout)["outcome"] == "nothing"
    done = mx("destroy", "Acceptance", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    assert files(project) == before


def test_no_other_generator_takes_its_names(tmp_path: Path) -> None:
    project = start(tmp_path, "m1", "--cloud=none")
    for name in ("accept", "acceptance"):
        assert name in OWN_NAMES
        done = mx("generate", "EntryPoint", name, "--no-input", cwd=project)
        assert done.code == 2
        assert "stands for something in every project already" in done.stderr


def rendered() -> SimpleNamespace:
    """What the tests below depend on, for their notes."""
    skeletons = [
        testing.render("MLProjectSkeleton", name="m1", cloud=cloud) for cloud in ("none", "existing")
    ]
    own = [testing.render("Acceptance", name="m1", cloud=cloud) for cloud in ("none", "existing")]
    found = {
        f"{at}/{path}": file for at, tree in enumerate(skeletons + own) for path, file in tree.files.items()
    }
    return SimpleNamespace(files=found, sections=own[0].sections)


noted = pytest.mark.noted.with_args(rendered)


@noted
def test_its_own_tests_pass(ml_python: Path, tmp_path: Path) -> None:
    project = start(tmp_path, "m1", "--cloud=existing")
    gate(project)
    own = "tests/test_acceptance.py"
    done = python(ml_python, project, "-m", "pytest", "-q", "-p", "no:cacheprovider", own)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "17 passed" in done.stdout


@noted
def test_its_types_are_right_without_a_cluster_too(ml_python: Path, tmp_path: Path) -> None:
    project = start(tmp_path, "m1", "--cloud=none")
    gate(project)
    check_types(ml_python, project)


def registry(project: Path) -> tuple[dict[str, int], dict[int, dict[str, str]]]:
    """The aliases and the tags of the versions of the registered model, in the project's own store."""
    with sqlite3.connect(f"file:{project / '.mlflow/mlflow.db'}?mode=ro", uri=True) as asked:
        aliases = dict(asked.execute("SELECT alias, version FROM registered_model_aliases").fetchall())
        tags: dict[int, dict[str, str]] = {}
        for version, key, value in asked.execute("SELECT version, key, value FROM model_version_tags"):
            tags.setdefault(version, {})[key] = value
    return aliases, tags


def edit(path: Path, old: str, new: str) -> None:
    """Change a file as a person would."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


@noted
def test_a_worse_model_is_refused_and_a_better_one_promoted(ml_python: Path, tmp_path: Path) -> None:
    """Trained models, a real store: each run trains a candidate and decides by rule, on the whole and on a part."""
    project = start(tmp_path, "m1", "--cloud=none")
    gate(project, "--metric=accuracy", "--better=more")
    module = project / "src/m1/acceptance.py"
    text = module.read_text()
    part = 'return {"first": Subset(datasets.test, range(40))}'
    text = text.replace("return {}", part).replace("import Dataset\n", "import Dataset, Subset\n")
    module.write_text(text)

    def decided(*fixed: str) -> tuple[int, str]:
        command = ["-m", "m1.acceptance", "train=always", f"fixed={json.dumps(fixed)}"]
        done = python(ml_python, project, *command)
        return done.returncode, done.stdout + done.stderr

    code, said = decided("training.epochs=3")
    assert code == 0, said
    code, said = decided("training.epochs=1", "training.learning_rate=0.00001")
    assert code == 1, said
    table = [line.split() for line in said.splitlines() if line.startswith(("all ", "first "))]
    assert [(row[0], row[3:]) for row in table] == [("all", ["worse"]), ("first", ["worse"])], said
    aliases, tags = registry(project)
    assert aliases == {"candidate": 2, "champion": 1}
    assert tags[2]["acceptance"] == "refused"
    assert tags[2]["acceptance.reason"].startswith("accuracy is worse: all 0.")
    code, said = decided("training.epochs=8")
    assert code == 0, said
    aliases, tags = registry(project)
    assert aliases == {"candidate": 3, "champion": 3, "previous": 1}
    assert [tags[version]["acceptance"] for version in (1, 2, 3)] == ["accepted", "refused", "accepted"]
    # A task of today has a value more than that of the run; where the data is comes from there.
    package = project / "src/m1"
    edit(package / "task.py", "    dropout: float\n", "    dropout: float\n    path: str\n")
    edit(
        package / "task.py", "Version(sha256(images, labels))", "Version(sha256(images, labels) + self.path)"
    )
    edit(package / "conf/task/default.yaml", "dropout:", 'path: ""\ndropout:')
    command = ["-m", "m1.acceptance", "train=new-data", 'fixed=["training.epochs=1"]']
    done = python(ml_python, project, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing is trained" in done.stdout
    assert registry(project)[0] == aliases
    edit(package / "conf/task/default.yaml", 'path: ""', "path: elsewhere")
    done = python(ml_python, project, *command)
    assert "nothing is trained" not in done.stdout, done.stdout + done.stderr
    assert registry(project)[0]["candidate"] == 4, done.stdout + done.stderr
