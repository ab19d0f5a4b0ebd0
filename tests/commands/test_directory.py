"""`mx -C DIR`: every command works as if it had been called in that folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from conftest import Mx, installed
from sites import make_distribution
from test_completion import complete, values

from mxdev import testing

WHERE = "import os, click\n@click.command()\ndef where():\n    click.echo(os.getcwd())\n"


def test_a_project_is_generated_there_and_the_next_steps_start_from_here(mx: Mx, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    made = mx("-C", "work", "generate", "MLProjectSkeleton", "churn", "--no-input")
    assert made.code == 0, made.err
    assert (tmp_path / "work/churn/mx.yaml").is_file()
    assert f"  cd {os.path.join('work', 'churn')}\n" in made.out  # noqa: PTH118
    assert Path.cwd() == tmp_path
    added = mx("-C", "work/churn", "generate", "GitLabCI", "--no-input")
    assert added.code == 0, added.err
    assert (tmp_path / "work/churn/.gitlab-ci.yml").is_file()
    assert not (tmp_path / ".gitlab-ci.yml").exists()


@pytest.mark.parametrize(
    "given",
    [
        ["-C", "demo"],
        ["-Cdemo"],
        ["--directory", "demo"],
        ["--directory=demo"],
        ["-C", "demo/src", "-C", ".."],
    ],
)
def test_status_in_every_spelling(mx: Mx, project: Path, given: list[str]) -> None:
    (project / "src").mkdir(exist_ok=True)
    (project.parent / "..src").mkdir()
    away = mx(*given, "status", "--json", cwd=project.parent)
    here = mx("status", "--json", cwd=project)
    assert (away.code, away.out) == (0, here.out)
    assert json.loads(away.out)["instances"]


def test_an_empty_folder_changes_nothing(mx: Mx, project: Path) -> None:
    assert mx("-C", "", "status", cwd=project).out == mx("status", cwd=project).out


def test_a_folder_that_is_not_there_is_a_wrong_command_line(mx: Mx, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, why in (("nowhere", "No such file or directory"), ("file", "Not a directory")):
        result = mx("-C", name, "status")
        assert (result.code, f"{name}: {why}" in result.err) == (2, True), result.err
    assert Path.cwd() == tmp_path
    (tmp_path / "there").mkdir()
    assert mx("-C", "there", "-C", "nowhere", "status").code == 2
    assert Path.cwd() == tmp_path


def test_errors_of_commands_are_those_of_the_folder(mx: Mx, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    flow = mx("-C", "empty", "flow", "run")
    assert (flow.code, f"{tmp_path / 'empty'} is not inside an mx project" in flow.err) == (4, True), flow.err
    # An answer of its own shape is not replaced by that of a plan.
    status = mx("-C", "empty", "status", "--json")
    assert "instances" in json.loads(status.out)
    assert mx("-C", "empty", "status", "--json", "--nonsense").out == ""
    infra = mx("-C", "empty", "infra", "output")
    assert (infra.code, f"{tmp_path / 'empty'} is not inside an mx project" in infra.err) == (4, True), (
        infra.err
    )


def test_flow_and_infra_find_the_project(mx: Mx, tmp_path: Path) -> None:
    made = mx("generate", "MLProjectSkeleton", "churn", "--cloud", "existing", "--no-input")
    assert made.code == 0, made.err
    root, elsewhere = tmp_path / "churn", tmp_path / "elsewhere"
    elsewhere.mkdir()
    for words in (["flow", "runs"], ["infra", "plan"]):
        inside = mx(*words, cwd=root)
        away = mx("-C", str(root), *words, cwd=elsewhere)
        assert (away.code, away.out, away.err) == (inside.code, inside.out, inside.err), words
        assert "is not inside an mx project" not in away.err
    assert "There is no Terraform here" in away.err


def test_the_command_of_a_plugin_runs_there(mx: Mx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = (
        "from mxdev import hookimpl, lazy\n@hookimpl\ndef mx_commands():\n"
        "    return [lazy('acme_where.command:where', 'Say where.', name='where')]\n"
    )
    make_distribution(
        tmp_path, "acme-where", modules={"acme_where/__init__.py": hooks, "acme_where/command.py": WHERE}
    )
    next(installed(tmp_path, monkeypatch))
    (tmp_path / "there").mkdir()
    assert mx("-C", "there", "where").out == f"{tmp_path / 'there'}\n"


def test_what_pythonpath_names_in_that_project_is_not_imported(tmp_path: Path) -> None:
    """As when mx is called in the project itself: it is for the project's own programs."""
    root = tmp_path / "churn"
    (root / "src").mkdir(parents=True)
    (root / "mx.yaml").write_text("version: 1\n")
    (root / "src" / "click_trap.py").touch()
    (root / "src" / "platformdirs.py").write_text("raise SystemExit('imported from the project')\n")
    (root / "src" / "yaml.py").write_text("raise SystemExit('imported from the project')\n")
    for words, cwd in ((["status"], root), (["-C", str(root), "status"], tmp_path)):
        done = testing.mx(*words, cwd=cwd, env={"PYTHONPATH": str(root / "src")})
        assert (done.code, "imported from the project" in done.stderr) == (0, False), done.stderr


def test_completion_looks_there_too(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.parent)
    monkeypatch.setenv("HOME", str(project.parent))
    inside = values(complete(f"mx -C {project.name} destroy "))
    assert any(name.startswith("SampleBase") for name in inside)
    assert values(complete("mx -C ~/demo destroy ")) == inside
    assert not any(name.startswith("SampleBase") for name in values(complete("mx destroy ")))
    assert "generate" in values(complete("mx -C nowhere gen"))
    assert complete("mx -C de") == ["dir,de"]
    assert "--directory" in values(complete("mx --dir"))
