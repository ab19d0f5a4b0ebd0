"""What can be found out on the machine is taken in place of a default, and said; what is recorded stays."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import Mx

from mxdev.dialogue.found import finder


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture
def gcloud(tmp_path: Path) -> dict[str, str]:
    """The folder of gcloud, with two configurations."""
    home = tmp_path / "gcloud"
    (home / "configurations").mkdir(parents=True)
    (home / "active_config").write_text("work\n")
    (home / "configurations" / "config_work").write_text(
        "[core]\naccount = a@example.com\nproject = acme-live\n"
    )
    (home / "configurations" / "config_other").write_text("[core]\nproject = acme-test\n")
    return {"CLOUDSDK_CONFIG": str(home)}


def test_the_project_of_gcloud(tmp_path: Path, gcloud: dict[str, str]) -> None:
    assert finder(tmp_path, gcloud)("gcloud-project") == ("acme-live", "gcloud's configuration work")
    other = {**gcloud, "CLOUDSDK_ACTIVE_CONFIG_NAME": "other"}
    assert finder(tmp_path, other)("gcloud-project") == ("acme-test", "gcloud's configuration other")
    said = {**gcloud, "CLOUDSDK_CORE_PROJECT": "acme-ci"}
    assert finder(tmp_path, said)("gcloud-project") == ("acme-ci", "CLOUDSDK_CORE_PROJECT")
    assert finder(tmp_path, {"HOME": str(tmp_path)})("gcloud-project") is None
    (tmp_path / "gcloud" / "configurations" / "config_work").write_text("no ini\n")
    assert finder(tmp_path, gcloud)("gcloud-project") is None


def test_the_person_that_gcloud_is_logged_in_as(
    mx: Mx, tmp_path: Path, gcloud: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert finder(tmp_path, gcloud)("gcloud-account") == ("a@example.com", "gcloud's configuration work")
    machine = {**gcloud, "CLOUDSDK_CORE_ACCOUNT": "ci@acme.iam.gserviceaccount.com"}
    assert finder(tmp_path, machine)("gcloud-account") is None
    monkeypatch.setenv("CLOUDSDK_CONFIG", gcloud["CLOUDSDK_CONFIG"])
    result = mx("generate", "MLProjectSkeleton", "demo-churn", "--no-input", "--skip-git")
    assert "engineer is a@example.com, from gcloud's configuration work." in result.err
    root = tmp_path / "demo-churn"
    assert yaml.safe_load((root / "mx.yaml").read_text())["options"]["engineer"] == ["a@example.com"]
    assert "a@example.com" in (root / "infrastructure/terraform/terraform.tfvars").read_text()


def test_the_branch_of_a_repository(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    assert finder(folder)("git-branch") is None
    git(folder, "init", "--quiet", "-b", "trunk")
    assert finder(folder)("git-branch") == ("trunk", "Git")
    git(folder, "commit", "--allow-empty", "--quiet", "-m", "x")
    git(folder, "branch", "feature")
    assert finder(folder)("git-branch") is None  # any of the two may be the default
    git(tmp_path, "clone", "--quiet", str(folder), "two")
    git(tmp_path / "two", "checkout", "--quiet", "-b", "mine")
    assert finder(tmp_path / "two" / "not-yet-there")("git-branch") == ("trunk", "the Git remote origin")


def test_a_projects_id_is_gclouds_and_is_said(
    mx: Mx, tmp_path: Path, gcloud: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDSDK_CONFIG", gcloud["CLOUDSDK_CONFIG"])
    result = mx("generate", "MLProjectSkeleton", "demo-churn", "--no-input", "--skip-git")
    assert "project-id is acme-live, from gcloud's configuration work." in result.err
    assert "mx set project-id" not in result.out
    settings = tmp_path / "demo-churn" / "mx.yaml"
    assert yaml.safe_load(settings.read_text())["options"]["project-id"] == "acme-live"
    monkeypatch.setenv("CLOUDSDK_CORE_PROJECT", "another")  # what is recorded stays
    assert mx("update", cwd=tmp_path / "demo-churn").code == 0
    assert mx("generate", "MLProjectSkeleton", cwd=tmp_path / "demo-churn").code == 0
    assert yaml.safe_load(settings.read_text())["options"]["project-id"] == "acme-live"


def test_a_project_id_is_never_invented_silently(
    mx: Mx, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    result = mx("generate", "MLProjectSkeleton", "demo-churn", "--no-input", "--skip-git")
    assert "  mx set project-id=ID\n" in result.out
    result = mx(
        "generate", "MLProjectSkeleton", "demo-other", "--no-input", "--skip-git", "--cloud", "existing"
    )
    assert "project-id" not in result.out


def test_pipelines_run_on_the_branch_that_git_has(mx: Mx, tmp_path: Path) -> None:
    assert mx("generate", "MLProjectSkeleton", "demo-churn", "--no-input", "--skip-git").code == 0
    root = tmp_path / "demo-churn"
    git(root, "init", "--quiet", "-b", "trunk")
    result = mx("generate", "GitHubActions", "--no-input", cwd=root)
    assert "branch is trunk, from Git." in result.err
    workflows = [path.read_text() for path in (root / ".github" / "workflows").iterdir()]
    assert any("trunk" in text for text in workflows)
    assert not any("branches: [main]" in text for text in workflows)
    assert "git push origin HEAD:trunk" in result.out
