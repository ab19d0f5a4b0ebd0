"""Values of a run: types are checked before anything starts, any value of the Hydra configuration can be given; ports of the UI."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from flow_projects import mx, project, with_environment
from ml_environment import ml_python

from mxdev import testing
from mxdev.errors import MxError, UsageProblem
from mxdev.flow.declared import mlproject, overrides
from mxdev.flow.declared.mlproject import EntryPoint, Parameter
from mxdev.system import ports

__all__ = ["ml_python"]

ENTRY = EntryPoint(
    "trainer",
    {
        "epochs": Parameter("epochs", "int", "30"),
        "rate": Parameter("rate", "float", "0.1"),
        "device": Parameter("device", "string", "auto"),
    },
    "python -m p.trainer training.epochs={epochs}",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return with_environment(project(tmp_path / "p"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("epochs=abc", "epochs must be a number, such as 30"),
        ("epochs=2.5", "epochs must be a whole number, such as 30"),
        ("rate=fast", "rate must be a number, such as 0.1"),
        ("rate=nan", "rate must be a finite number"),
    ],
)
def test_a_value_of_another_type_is_refused(given: str, says: str) -> None:
    with pytest.raises(UsageProblem) as problem:
        mlproject.check_parameters(ENTRY, mlproject.parse_parameters([given]))
    assert f"-P {given}: {says}" in problem.value.message


@pytest.mark.parametrize("given", ["epochs=3", "epochs=-1", "rate=1e-3", "rate=2", "device=3"])
def test_a_value_of_its_type_is_taken(given: str) -> None:
    mlproject.check_parameters(ENTRY, mlproject.parse_parameters([given]))


def test_a_wrong_type_fails_before_anything_starts(root: Path) -> None:
    done = mx("flow", "run", "-P", "epochs=abc", cwd=root)
    assert done.returncode == 2
    assert "epochs must be a number, such as 2" in done.stderr
    assert not (root / "seen.json").exists()


def test_the_skeletons_whole_numbers_are_whole() -> None:
    text = testing.text(testing.render("MLProjectSkeleton", name="demo"), "MLproject")
    for name in ("epochs", "batch_size", "seed"):
        assert f"{name}: {{type: int," in text
    assert "learning_rate: {type: float," in text


def test_where_each_value_goes() -> None:
    given = {"epochs": "3", "model.channels": "16", "epoch": "3"}
    after = [
        "--env-manager",
        "virtualenv",
        "-P",
        "x=y",
        "seed=4",
        "+new.key=a b",
        "rate=0.5",
        "~task",
        "--version=1",
    ]
    assert overrides.split(ENTRY, given, after) == (
        {"epochs": "3", "epoch": "3", "rate": "0.5"},
        ["model.channels=16", "seed=4", "+new.key=a b"],
        ["--env-manager", "virtualenv", "-P", "x=y", "~task", "--version=1"],
    )


def test_a_misspelt_parameter_is_still_refused(root: Path) -> None:
    done = mx("flow", "run", "-P", "epoch=3", cwd=root)
    assert done.returncode == 2
    assert "did you mean `epochs`?" in done.stderr


def test_what_a_run_noted_is_read_back_and_nothing_else() -> None:
    assert overrides.recorded(overrides.tags(["a.b=1", "+c=2"])) == ["a.b=1", "+c=2"]
    assert overrides.recorded({}) == []
    assert overrides.recorded({overrides.TAG: "no JSON"}) == []
    assert overrides.recorded({overrides.TAG: json.dumps(["--multirun", 3, "a.b=1"])}) == ["a.b=1"]


def test_a_value_of_the_configuration_is_appended_to_the_command_as_hydra_reads_it(
    ml_python: Path, tmp_path: Path
) -> None:
    """With the real MLflow: an entry point that prints its arguments."""
    (tmp_path / "MLproject").write_text(
        "name: p\nentry_points:\n  trainer:\n    parameters: {epochs: {type: int, default: 2}}\n"
        "    command: python show.py epochs={epochs}\n"
    )
    (tmp_path / "show.py").write_text(
        "import sys, json; open('seen.json', 'w').write(json.dumps(sys.argv[1:]))"
    )
    (tmp_path / "mx.yaml").write_text("version: 1\noptions: {name: p}\n")
    command = [
        sys.executable,
        "-m",
        "mxdev",
        "flow",
        "run",
        "--python",
        str(ml_python),
        "-P",
        "a.b=one two",
        "--",
        "+c=3",
        "epochs=5",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "seen.json").read_text()) == ["epochs=5", "a.b=one two", "+c=3"]


def test_a_run_without_a_commit_is_warned_of(root: Path) -> None:
    environ = {"GIT_CEILING_DIRECTORIES": str(root.parent)}
    assert (
        "the project is in no Git repository, so this run cannot be repeated"
        in mx("flow", "run", cwd=root, **environ).stderr
    )
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    assert "there is no commit yet, so this run cannot be repeated" in mx("flow", "run", cwd=root).stderr
    author = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *author, "commit", "--quiet", "--allow-empty", "-m", "x"], cwd=root, check=True)
    assert "cannot be repeated" not in mx("flow", "run", cwd=root).stderr


def test_the_next_free_port_is_taken() -> None:
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 0))
        mine.listen()
        taken = mine.getsockname()[1]
        found = ports.free_port("127.0.0.1", taken)
        assert found > taken
        with pytest.raises(MxError, match="is taken"):
            ports.free_port("127.0.0.1", taken, most=1)
    with pytest.raises(MxError, match="cannot be listened on"):
        ports.free_port("192.0.2.1", 5000)
