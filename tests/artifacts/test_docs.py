"""`mx build docs` draws the project anew for each build, with the real Sphinx."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ml_environment import ml_python

from mxdev.testing import Outcome, mx

__all__ = ["ml_python"]

RENDERED = Path(__file__).resolve().parents[2] / "examples" / "churn-model"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the rendered configuration of Sphinx and the page with the picture, and no code."""
    root = tmp_path_factory.mktemp("docs") / "churn"
    (root / "docs").mkdir(parents=True)
    (root / "mx.yaml").write_text("version: 1\noptions:\n  name: churn\n")
    for name in ("conf.py", "index.md", "overview.md"):
        shutil.copy(RENDERED / "docs" / name, root / "docs")
    for name in ("training", "task", "reference"):
        (root / f"docs/{name}.md").write_text(f"# {name}\n")
    (root / "infrastructure/terraform").mkdir(parents=True)
    return root


def build(root: Path, python: Path, *arguments: str) -> Outcome:
    return mx("build", "docs", "--python", str(python), *arguments, cwd=root)


def test_the_picture_is_of_today_and_a_plain_build_shows_none(project: Path, ml_python: Path) -> None:
    html = project / "docs/_build/html"
    (project / "docs/_build").mkdir()
    (project / "docs/_build/graph.svg").write_text("an old one, left by a build that was killed")
    for name in ("first", "second"):
        (project / "MLproject").write_text(f"name: churn\nentry_points:\n  {name}:\n    command: 'true'\n")
        done = build(project, ml_python)
        assert done.code == 0, done.stderr
        drawn = (html / "_images/graph.svg").read_text()
        assert f">{name}</text>" in drawn
        assert 'src="_images/graph.svg"' in (html / "overview.html").read_text()
        assert not (project / "docs/_build/graph.svg").exists()
    assert ">first</text>" not in drawn


def test_terraform_that_cannot_be_read_costs_the_page_and_not_the_build(
    project: Path, ml_python: Path, tmp_path: Path
) -> None:
    broken = project / "infrastructure/terraform/main.tf"
    broken.write_text("resource {{{\n")
    try:
        done = build(project, ml_python, "--output", str(tmp_path / "site"))
    finally:
        broken.unlink()
    assert done.code == 0, done.stderr
    assert "the page that shows it is left out" in done.stderr
    assert "main.tf" in done.stderr
    assert (tmp_path / "site/index.html").is_file()
    assert not (tmp_path / "site/overview.html").exists()


def test_the_dry_run_says_both_commands(project: Path, ml_python: Path) -> None:
    lines = build(project, ml_python, "--dry-run").stdout.splitlines()
    assert [line.split(" && ")[1].split(" ", 1)[1].split(" --output")[0] for line in lines[:1]] == [
        "-P -m mxdev graph"
    ]
    assert " -m sphinx " in lines[1]
    assert len(lines) == 2
