"""Reading MLproject, and refusing early what would fail late."""

from __future__ import annotations

from pathlib import Path

import pytest
from flow_projects import MLPROJECT

from mxdev.errors import MxError, UsageProblem
from mxdev.flow.declared import mlproject


@pytest.fixture
def tiny(tmp_path: Path) -> mlproject.MLProject:
    (tmp_path / "MLproject").write_text(MLPROJECT)
    return mlproject.read(tmp_path)


def test_reads_entry_points(tiny: mlproject.MLProject) -> None:
    assert list(tiny.entry_points) == ["trainer", "evaluate", "fail"]
    assert tiny.entry_points["trainer"].parameters["epochs"] == mlproject.Parameter("epochs", "float", "2")
    assert tiny.entry_points["evaluate"].parameters["run_id"] == mlproject.Parameter("run_id", "string", None)


def test_any_case_of_the_name(tmp_path: Path) -> None:
    (tmp_path / "mlPROJECT").write_text(MLPROJECT)
    assert mlproject.read(tmp_path).name == "tiny"


def test_a_wrong_entry_point_lists_the_right_ones(tiny: mlproject.MLProject) -> None:
    with pytest.raises(UsageProblem) as problem:
        mlproject.entry_point(tiny, "trainr")
    assert "did you mean `trainer`?" in str(problem.value)
    assert "It has: evaluate, fail, trainer." in str(problem.value)


def test_a_script_is_an_entry_point(tiny: mlproject.MLProject) -> None:
    with pytest.raises(UsageProblem):
        mlproject.entry_point(tiny, "clean.py")
    (tiny.path.parent / "clean.py").write_text("")
    assert mlproject.entry_point(tiny, "clean.py").name == "clean.py"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "has no MLproject file"),
        ("a: [", "not valid YAML"),
        ("entry_points: [a]", "`entry_points` must be a mapping"),
        ("entry_points: {main: {parameters: {}}}", "`main` has no `command`"),
        ("entry_points: {main: {command: x, parameters: [a]}}", "`parameters` of the entry point `main`"),
        ("[]", "`entry_points` must be a mapping"),
    ],
)
def test_a_file_that_is_no_mlproject(tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / "MLproject").write_text(content)
    with pytest.raises(MxError, match=says):
        mlproject.read(tmp_path)


def test_an_empty_file_has_no_entry_points(tmp_path: Path) -> None:
    (tmp_path / "MLproject").write_text("")
    with pytest.raises(UsageProblem, match="none at all"):
        mlproject.entry_point(mlproject.read(tmp_path), "trainer")


def test_only_the_first_equals_sign_separates() -> None:
    assert mlproject.parse_parameters(["a=b=c", "empty=", "s= x "]) == {"a": "b=c", "empty": "", "s": " x "}


@pytest.mark.parametrize("given", [["epochs"], ["=3"], ["a=1", "a=2"]])
def test_what_is_no_parameter(given: list[str]) -> None:
    with pytest.raises(UsageProblem) as problem:
        mlproject.parse_parameters(given)
    assert problem.value.code == 2


def test_an_undeclared_parameter_names_the_declared_ones(tiny: mlproject.MLProject) -> None:
    with pytest.raises(UsageProblem) as problem:
        mlproject.check_parameters(tiny.entry_points["trainer"], {"epoch": "3"})
    assert "did you mean `epochs`?" in str(problem.value)
    assert "epochs=2, note=none" in str(problem.value)


def test_a_missing_parameter_is_named(tiny: mlproject.MLProject) -> None:
    with pytest.raises(UsageProblem, match="needs a value for `run_id`"):
        mlproject.check_parameters(tiny.entry_points["evaluate"], {})
    mlproject.check_parameters(tiny.entry_points["evaluate"], {"run_id": "x"})
