"""`mx generate SKELETON .`: a project in the folder where one stands; its first branch and commit; names as people write them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Mx

from mxdev.plugins import catalog


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.com", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def name_in(folder: Path) -> Any:
    return yaml.safe_load((folder / "mx.yaml").read_text())["options"]["name"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of a repository with nothing in it, called as people call them."""
    folder = tmp_path / "Acme_Churn"
    folder.mkdir()
    git(folder, "init", "--quiet")
    return folder


def test_an_empty_clone_becomes_a_project_named_after_its_folder(mx: Mx, clone: Path) -> None:
    inode = clone.stat().st_ino
    result = mx("generate", "MLProjectSkeleton", ".", "--no-input", cwd=clone)
    assert (result.code, result.err) == (0, "")
    assert name_in(clone) == "acme-churn"
    assert (clone / "src" / "acme_churn").is_dir()
    assert clone.stat().st_ino == inode  # the shell that stands here still does
    assert "cd " not in result.out
    assert "  git add --all && git commit" in result.out
    again = mx("generate", "MLProjectSkeleton", "./", "--no-input", cwd=clone)
    assert "Everything is up to date." in again.out


def test_an_empty_folder_that_is_in_no_repository(mx: Mx, tmp_path: Path) -> None:
    folder = tmp_path / "churn"
    folder.mkdir()
    result = mx("generate", "SampleBase", ".", "--no-input", cwd=folder)
    assert (result.code, result.err) == (0, "")
    assert name_in(folder) == "churn"


def test_what_stands_in_a_clone_is_a_conflict_and_what_is_nobodys_stays(mx: Mx, clone: Path) -> None:
    (clone / "README.md").write_text("# Mine\n")
    (clone / "LICENSE").write_text("MIT\n")
    result = mx("generate", "SampleBase", ".", "--no-input", cwd=clone)
    assert result.code == 1
    assert "README.md: a file that mx did not write is in the way" in result.err
    assert not (clone / "mx.yaml").exists()
    result = mx("generate", "SampleBase", ".", "--no-input", "--on-conflict", "keep", cwd=clone)
    assert result.code == 0, result.err
    assert (clone / "README.md").read_text() == "# Mine\n"
    assert (clone / "LICENSE").read_text() == "MIT\n"


def test_a_folder_whose_name_is_far_from_any_is_told_with_another_way(
    mx: Mx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "x"
    here.mkdir()
    done = mx("generate", "MLProjectSkeleton", ".", "--no-input", cwd=here)
    assert (done.code, done.out) == (2, "")
    assert "The folder's name cannot be the project's: 'x': it must be 2 to 40" in done.err
    assert "`MX_OPT_NAME=NAME mx generate MLProjectSkeleton .`" in done.err
    assert not list(here.iterdir())
    monkeypatch.setenv("MX_OPT_NAME", "churn-model")
    done = mx("generate", "MLProjectSkeleton", ".", "--no-input", "--cloud=none", "--dry-run", cwd=here)
    assert done.code == 0
    assert "src/churn_model/" in done.out
    monkeypatch.setenv("MX_OPT_NAME", "abc")
    done = mx("generate", "MLProjectSkeleton", ".", "--no-input", "--dry-run", cwd=here)
    assert "abc is a module of Python's standard library" in done.err


def test_a_wrong_name_is_told_with_the_right_one(mx: Mx, tmp_path: Path) -> None:
    result = mx("generate", "MLProjectSkeleton", "churn_Model", "--no-input")
    assert result.code == 2
    assert "did you mean churn-model?" in result.err


@pytest.mark.parametrize(("own", "branch"), [("", "main"), ("trunk", "trunk")])
def test_the_first_branch_is_main_or_the_persons(
    mx: Mx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, branch: str
) -> None:
    settings = tmp_path / "settings"
    settings.write_text(f"[init]\ndefaultBranch = {own}\n" if own else "")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    result = mx("generate", "MLProjectSkeleton", "demo", "--no-input")
    assert f"git init -b {branch}" in result.out
    assert git(tmp_path / "demo", "symbolic-ref", "--short", "HEAD") == branch


def test_the_first_commit_is_a_step_until_there_is_one(mx: Mx, tmp_path: Path, clone: Path) -> None:
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "first")
    result = mx("generate", "SampleBase", ".", "--no-input", cwd=clone)
    assert "Next steps" in result.out
    assert "git add" not in result.out


@pytest.mark.parametrize(
    "name", ["gitlab-ci", "GitLabCI", "gitlabci", "git-lab-ci", "gitlab_ci", "GITLAB-CI"]
)
def test_a_generator_answers_to_every_spelling(name: str) -> None:
    assert catalog.find(name).name == "GitLabCI"


def test_the_spelling_of_the_docs() -> None:
    names = ["GitHubActions", "GitLabCI", "MLProjectSkeleton", "Plugin"]
    docs = Path(__file__).parents[2] / "docs" / "generators"
    assert [name for name in names if not (docs / f"{catalog.dashed(name)}.md").is_file()] == []
