"""An option that moves files takes a person's edits and their own files beside along."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import Mx

from mxdev.plan.moves import folders, pairs
from mxdev.project.files import in_git


def test_pairs_of_paths() -> None:
    old = ["src/a/__init__.py", "src/a/model.py", "docs/a.md", "tests/test_a.py"]
    new = ["src/b/__init__.py", "src/b/model.py", "docs/a.md", "tests/test_a.py", "src/b/more.py"]
    assert pairs(old, new) == {"src/a/__init__.py": "src/b/__init__.py", "src/a/model.py": "src/b/model.py"}


def test_what_only_looks_alike_is_no_pair() -> None:
    assert pairs(["a/one.py"], ["b/c/one.py"]) == {}
    assert pairs(["a/one.py"], ["b/two.py"]) == {}
    assert pairs(["a/one.py"], ["a/one.py", "b/one.py"]) == {}
    assert len(set(pairs(["a/x", "b/x"], ["c/x"]).values())) == 1


def test_only_a_folder_that_goes_whole_moves() -> None:
    moves = {"src/a/x.py": "src/b/x.py", "src/a/deep/y.py": "src/b/deep/y.py"}
    assert folders(moves, ["README.md"]) == {"src/a": "src/b", "src/a/deep": "src/b/deep"}
    assert folders(moves, ["src/a/stays.py"]) == {"src/a/deep": "src/b/deep"}


def test_edits_and_files_beside_move_along(mx: Mx, project: Path) -> None:
    (project / "demo" / "kind.txt").write_text("mine\n")
    (project / "demo" / "deep").mkdir()
    (project / "demo" / "deep" / "own.py").write_text("import demo\n")
    (project / "demo" / "__pycache__").mkdir()
    (project / "demo" / "__pycache__" / "own.pyc").write_bytes(b"\0")
    result = mx("set", "name=other", "--no-input", cwd=project)
    assert result.code == 0, result.err
    assert "orphan" not in result.out
    assert (project / "other" / "kind.txt").read_text() == "mine\n"
    assert (project / "other" / "deep" / "own.py").read_text() == "import demo\n"
    assert [path.name for path in (project / "demo").rglob("*") if path.suffix != ".pyc"] == ["__pycache__"]
    assert "other/deep/own.py is yours" in result.err
    status = mx("status", "--json", cwd=project).json
    (row,) = status["instances"]
    assert (row["edited"], row["missing"], row["update"]) == (["other/kind.txt"], [], [])
    assert mx("undo", cwd=project).code == 0
    assert (project / "demo" / "kind.txt").read_text() == "mine\n"
    assert (project / "demo" / "deep" / "own.py").read_text() == "import demo\n"
    assert not (project / "other").exists()


def test_a_preview_shows_the_move(mx: Mx, project: Path) -> None:
    (project / "demo" / "kind.txt").write_text("mine\n")
    result = mx("set", "name=other", "--dry-run", cwd=project)
    assert "remove  demo/kind.txt  (moves to other/kind.txt)" in result.out
    assert "moved from demo/kind.txt" in result.out
    assert (project / "demo" / "kind.txt").read_text() == "mine\n"


def test_what_cannot_move_along_is_refused_with_the_list(mx: Mx, project: Path) -> None:
    (project / "demo" / "own.txt").write_text("mine\n")
    (project / "other").mkdir()
    (project / "other" / "own.txt").write_text("another\n")
    result = mx("set", "name=other", "--no-input", cwd=project)
    assert result.code == 1
    assert "demo/own.txt, to other/own.txt" in result.err
    assert yaml.safe_load((project / "mx.yaml").read_text())["options"]["name"] == "demo"
    assert (project / "other" / "own.txt").read_text() == "another\n"


def test_what_git_ignores_stays(mx: Mx, project: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    in_git.forget()
    (project / ".gitignore").write_text("*.ckpt\n")
    (project / "demo" / "last.ckpt").write_bytes(b"weights")
    assert mx("set", "name=other", "--no-input", cwd=project).code == 0
    assert (project / "demo" / "last.ckpt").is_file()


def test_both_sides_of_a_moved_file_are_merged(mx: Mx, tmp_path: Path) -> None:
    assert mx("generate", "MLProjectSkeleton", "churn-model", "--no-input", "--skip-git").code == 0
    root = tmp_path / "churn-model"
    task = root / "src" / "churn_model" / "conf" / "trainer.yaml"
    assert "churn-model" in task.read_text()
    task.write_text(task.read_text() + "mine: 1\n")
    (root / "src" / "churn_model" / "features.py").write_text("X = 1\n")
    result = mx("set", "name=foo-bar", "--no-input", cwd=root)
    assert result.code == 0, result.err
    moved = (root / "src" / "foo_bar" / "conf" / "trainer.yaml").read_text()
    assert "mine: 1" in moved
    assert "foo-bar" in moved
    assert "churn-model" not in moved
    assert not (root / "src" / "churn_model").exists()


@pytest.mark.parametrize("resolution", ["keep", "overwrite"])
def test_a_conflict_of_a_moved_file_is_settled_as_any(mx: Mx, project: Path, resolution: str) -> None:
    kind = project / "demo" / "kind.txt"
    kind.write_text("mine\n")
    (project / ".mx" / "pristine" / "SampleBase" / "demo" / "kind.txt.pristine").unlink()
    assert mx("set", "name=other", "--no-input", cwd=project).code == 1
    assert kind.read_text() == "mine\n"
    assert mx("set", "name=other", "--no-input", "--on-conflict", resolution, cwd=project).code == 0
    assert not kind.exists()
    assert ((project / "other" / "kind.txt").read_text() == "mine\n") == (resolution == "keep")
