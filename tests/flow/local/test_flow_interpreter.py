"""Which interpreter a project runs in, and what is said when there is none."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
from flow_projects import environment, fake_mlflow, install, project, with_environment

from mxdev.environment.choose import choose
from mxdev.environment.interpreter import pyproject, venv_python
from mxdev.errors import MxError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return project(tmp_path / "it's a proj")


def complete(folder: Path, origin: Path) -> Path:
    packages = environment(folder)
    install(packages, "tiny", origin)
    fake_mlflow(packages)
    return folder


def test_the_projects_own_environment_comes_before_the_active_one(root: Path, tmp_path: Path) -> None:
    active = complete(tmp_path / "active", root)
    assert choose(root, explicit=None, environ={"VIRTUAL_ENV": str(active)}).python == venv_python(active)
    with_environment(root)
    assert choose(root, explicit=None, environ={"VIRTUAL_ENV": str(active)}).python == venv_python(
        root / ".venv"
    )


@pytest.mark.parametrize("how", ["bin/python", ""])
def test_python_comes_before_all(root: Path, tmp_path: Path, how: str) -> None:
    with_environment(root)
    other = complete(tmp_path / "other", root)
    assert choose(root, explicit=str(other / how), environ={}).python == venv_python(other)


def test_an_environment_with_another_copy_of_the_project_does_not_count(root: Path, tmp_path: Path) -> None:
    copy = complete(tmp_path / "active", tmp_path / "copy")
    with pytest.raises(MxError, match="no active environment has it"):
        choose(root, explicit=None, environ={"VIRTUAL_ENV": str(copy)})
    with pytest.raises(MxError, match="copy is what it has"):
        choose(root, explicit=str(copy), environ={})


def test_without_an_environment_the_commands_can_be_pasted(root: Path) -> None:
    with pytest.raises(MxError) as problem:
        choose(root, explicit=None, environ={})
    lines = [shlex.split(line) for line in str(problem.value).splitlines() if line.startswith("    ")]
    assert lines[0] == ["cd", str(root)]
    assert lines[1][-1] == ".venv"
    assert lines[2][-2:] == ["--editable", "."]
    assert "mx flow run --setup" in str(problem.value)
    assert problem.value.code == 4


def test_a_broken_environment_is_not_passed_over(root: Path, tmp_path: Path) -> None:
    active = complete(tmp_path / "active", root)
    (root / ".venv").symlink_to(tmp_path / "gone")
    with pytest.raises(MxError, match="has no Python that works"):
        choose(root, explicit=None, environ={"VIRTUAL_ENV": str(active)})


def test_without_mlflow_one_sentence_says_what_to_install(root: Path) -> None:
    install(environment(root / ".venv"), "tiny", root)
    with pytest.raises(MxError) as problem:
        choose(root, explicit=None, environ={})
    text = str(problem.value)
    assert text.startswith(f"MLflow is not installed in {root / '.venv'}: install it with `")
    assert "mlflow`, or run `mx flow run --setup`." in text
    assert "\n" not in text


@pytest.mark.parametrize("bad", ["/nowhere/python", "no-such-python"])
def test_a_python_that_is_none(root: Path, bad: str) -> None:
    with pytest.raises(MxError, match="there is no such interpreter"):
        choose(root, explicit=bad, environ={})


def test_a_python_that_does_not_work(root: Path, tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    with pytest.raises(MxError, match="does not work"):
        choose(root, explicit=str(script), environ={})


def test_the_ui_does_not_need_the_project(root: Path) -> None:
    fake_mlflow(environment(root / ".venv"))
    assert choose(root, explicit=None, environ={}, need_project=False).mlflow == "1.0"
    with pytest.raises(MxError, match="does not have the project tiny installed"):
        choose(root, explicit=None, environ={})


def test_a_broken_pyproject_is_named(root: Path) -> None:
    (root / "pyproject.toml").write_text("<<<<<<< yours\n")
    with pytest.raises(MxError, match=r"pyproject\.toml cannot be read"):
        choose(root, explicit=sys.executable, environ={})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("project = 5", "`project` must be a table"),
        ("[project]\nname = 5", "`project.name` must be text"),
        ("[project]\nrequires-python = [1]", "`project.requires-python` must be text"),
        ("[project]\ndependencies = {a = 1}", "`project.dependencies` must be a list of texts"),
        ("[project]\ndependencies = [1]", "`project.dependencies` must be a list of texts"),
        ("[project]\noptional-dependencies = [1]", "`project.optional-dependencies` must be a table of lists"),
        ("[project.optional-dependencies]\ndev = 'x'", "`project.optional-dependencies` must be a table of lists"),
        ("a = " + "[" * 50_000, "cannot be read"),
        ("a = ", "cannot be read"),
        ("\0", "cannot be read"),
    ],
)  # fmt: skip
def test_a_pyproject_of_another_shape_is_said(tmp_path: Path, text: str, says: str) -> None:

    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(MxError, match=re.escape(says)) as problem:
        pyproject(tmp_path)
    assert str(tmp_path / "pyproject.toml") in str(problem.value)
