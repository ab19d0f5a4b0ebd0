"""What is written down about the code is enough to bring it back."""

import subprocess

import pytest

from churn_model import provenance


def git(folder, *arguments: str, text: str | None = None) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=T", "-c", "user.email=t@t", *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "--quiet")
    (tmp_path / "kept.py").write_text("a = 1\n")
    return tmp_path


def test_without_a_repository_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.delenv("GIT_COMMIT", raising=False)
    assert provenance.code(tmp_path) == provenance.Code("none", "")
    monkeypatch.setenv("GIT_COMMIT", "abc")
    assert provenance.code(tmp_path).commit == "abc"


def test_before_the_first_commit_the_diff_is_everything(repository):
    found = provenance.code(repository)
    assert found.commit == "none"
    assert "+a = 1" in found.diff


def test_a_clean_repository_has_no_diff(repository):
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "first")
    assert provenance.code(repository) == provenance.Code(git(repository, "rev-parse", "HEAD"), "")


def test_the_diff_brings_every_change_back(repository):
    # Settings that people have.
    git(repository, "config", "diff.noprefix", "true")
    git(repository, "config", "color.ui", "always")
    (repository / "gone.py").write_text("c = 3\n")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "first")
    (repository / "kept.py").write_text("a = 2\n")
    (repository / "gone.py").unlink()
    (repository / "new.py").write_text("b = 1\n")
    before = git(repository, "status", "--porcelain")
    diff = provenance.code(repository).diff
    assert git(repository, "status", "--porcelain") == before, "the index was touched"

    git(repository, "stash", "--include-untracked", "--quiet")
    git(repository, "apply", "-", text=diff)
    assert (repository / "kept.py").read_text() == "a = 2\n"
    assert (repository / "new.py").read_text() == "b = 1\n"
    assert not (repository / "gone.py").exists()


def test_versions_are_requirements():
    lines = provenance.versions()
    assert any(line.startswith("torch==") for line in lines)
