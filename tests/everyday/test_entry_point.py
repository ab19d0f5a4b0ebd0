"""EntryPoint: what it renders is right by the real tools, comes and goes without a trace, and merges with a person's edits."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from covering import EVERYDAY, Row, label, rows
from everyday import LONGEST, TEMPLATES, add, python, start
from golden import files
from ml_environment import check_types, ml_python

from mxdev import testing
from mxdev.flow.declared import mlproject
from mxdev.testing import mx
from mxdev_generators.names.rules import OWN_NAMES, package_name

__all__ = ["ml_python"]
ROWS = rows(EVERYDAY)
# Names that stand in the templates, too.
AWKWARD = ("run", "part", "entry")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return start(tmp_path, "m1", "--cloud=none")


@pytest.mark.parametrize("row", ROWS, ids=map(label, ROWS))
def test_it_has_style_and_goes_without_a_trace(row: Row, tmp_path: Path) -> None:
    options = (f"--cloud={row['cloud']}", f"--task={row['task']}")
    project = start(tmp_path, row["project"], *options)
    before = files(project)
    for name in (row["instance"], "another"):
        add(project, "EntryPoint", name)
    done = mx("lint", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr
    package = package_name(row["project"])
    entry = mlproject.read(project).entry_points[row["instance"]]
    assert entry.command == f"python -m {package}.{row['instance']} part={{part}}"
    assert entry.parameters["part"].default == "test"
    answer = json.loads(mx("generate", "EntryPoint", row["instance"], "--json", cwd=project).stdout)
    assert answer["outcome"] == "nothing"
    done = mx("destroy", f"EntryPoint:{row['instance']}", "EntryPoint:another", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    assert files(project) == before


def test_one_goes_and_the_other_stays(project: Path) -> None:
    add(project, "EntryPoint", "report")
    before = files(project)
    add(project, "EntryPoint", "export")
    assert mx("destroy", "EntryPoint:export", "--no-input", cwd=project).code == 0
    assert files(project) == before


def test_an_update_merges_with_what_a_person_wrote(project: Path) -> None:
    add(project, "EntryPoint", "report")
    module, steps = project / "src/m1/report.py", project / "MLproject"
    module.write_text(module.read_text().replace('{"examples": ', '{"mine": '))
    steps.write_text(
        steps.read_text().replace("default: test", "default: train") + "  mine:\n    command: ls\n"
    )
    template = project / ".mx/overrides/EntryPoint/src/{{ package }}/{{ name }}.py.jinja"
    template.parent.mkdir(parents=True)
    text = TEMPLATES / "entry_point/templates/src/{{ package }}/{{ name }}.py.jinja"
    template.write_text(text.read_text().replace("log = logging", "# Newer.\nlog = logging"))
    done = mx("update", "--json", cwd=project)
    statuses = {change["path"]: change["status"] for change in json.loads(done.stdout)["changes"]}
    assert statuses["src/m1/report.py"] == "merge"
    assert '{"mine": ' in module.read_text()
    assert "# Newer.\n" in module.read_text()
    points = mlproject.read(project).entry_points
    assert points["report"].parameters["part"].default == "train"
    assert points["mine"].command == "ls"


def test_it_moves_with_the_project(project: Path) -> None:
    add(project, "EntryPoint", "report")
    done = mx("set", "cloud=existing", "--json", cwd=project)
    assert json.loads(done.stdout)["outcome"] == "applied", done.stdout + done.stderr
    assert {"report", "distributed", "trainer"} <= set(mlproject.read(project).entry_points)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("trainer", "trainer stands for something in every project already"),
        ("class", "class is a keyword of Python"),
        ("Churn-Report", "did you mean churn_report?"),
        ("nul", "nul is a device on Windows"),
        ("a__b", "single underscores"),
    ],
)
def test_a_name_that_cannot_be_is_refused(project: Path, name: str, answer: str) -> None:
    before = files(project)
    done = mx("generate", "EntryPoint", name, "--no-input", cwd=project)
    assert done.code == 2
    assert answer in done.stderr
    assert files(project) == before


def test_every_name_of_the_skeleton_is_known() -> None:
    """A name that is accepted today is not a conflict tomorrow, when the project gets a cluster or another task."""
    found: set[str] = set()
    for task in ("image", "tabular", "text"):
        for cloud in ("none", "gcp"):
            tree = testing.render("MLProjectSkeleton", name="m1", task=task, cloud=cloud)
            found |= set(yaml.safe_load(testing.text(tree, "MLproject"))["entry_points"])
            for parts in (Path(path).with_suffix("").parts for path in tree.files):
                if parts[0] == "tests":
                    found.add(parts[1].removeprefix("test_"))
                elif parts[:3] == ("src", "m1", "conf"):
                    found.add(parts[3])
                elif parts[:2] == ("src", "m1"):
                    found.add(parts[2])
    assert found - {"__init__", "py"} <= OWN_NAMES


def rendered() -> SimpleNamespace:
    """What the tests below depend on, for their notes."""
    skeleton = testing.render("MLProjectSkeleton", name="m1", cloud="none")
    own = testing.render("EntryPoint", name="report", cloud="none")
    return SimpleNamespace(files={**skeleton.files, **own.files}, sections=own.sections)


noted = pytest.mark.noted.with_args(rendered)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = start(tmp_path_factory.mktemp("entry"), "m1", "--cloud=none")
    for name in ("report", LONGEST, *AWKWARD):
        add(project, "EntryPoint", name)
    return project


@noted
def test_it_runs_and_its_own_tests_pass(ml_python: Path, written: Path) -> None:
    done = python(ml_python, written, "-m", "m1.report", "part=train")
    assert done.stdout.startswith("examples 1167, run "), done.stdout + done.stderr
    own = [f"tests/test_{name}.py" for name in ("report", LONGEST, *AWKWARD)]
    done = python(ml_python, written, "-m", "pytest", "-q", "-p", "no:cacheprovider", *own)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "25 passed" in done.stdout


@noted
def test_its_own_tests_are_red_when_it_is_broken(ml_python: Path, written: Path) -> None:
    module = written / "src/m1/report.py"
    whole = module.read_text()
    module.write_text(whole.replace("mlflow.log_metrics(metrics)", "pass"))
    done = python(ml_python, written, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_report.py")
    module.write_text(whole)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 4 passed" in done.stdout


@noted
def test_types_are_right(ml_python: Path, written: Path) -> None:
    check_types(ml_python, written)
