"""A pipeline that a person edited: updates come into it, edits stay, and what both changed is asked about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from checks_ci import check_schemas

from mxdev.testing import Outcome, mx

GITLAB = ".gitlab/mx.gitlab-ci.yml"
GITHUB = ".github/workflows/mx-jobs.yaml"
CALLER = ".github/workflows/mx-ci.yaml"
CLOUD_BUILD = "infrastructure/cloudbuild/push.yaml"
TERRAFORM = "infrastructure/terraform/cloud_build.tf"
# What stood there and what a person made of it.
EDITS = {
    GITLAB: [
        ("  timeout: 45 minutes\n", "  timeout: 2 hours  # our data is large\n"),
        ("\nmx-docs:\n", "\n# ours\nmx-spell:\n  extends: .mx-job\n  script:\n    - codespell\n\nmx-docs:\n"),
    ],
    GITHUB: [
        ("    timeout-minutes: 45\n", "    timeout-minutes: 120 # our data is large\n"),
        (
            "jobs:\n",
            "jobs:\n  spell:\n    runs-on: ubuntu-24.04\n    timeout-minutes: 5\n    permissions: {}\n"
            "    steps:\n      - run: codespell\n",
        ),
    ],
    CLOUD_BUILD: [("machineType: E2_HIGHCPU_8", "machineType: E2_HIGHCPU_32")],
    TERRAFORM: [
        ("# Builds on Cloud Build", '# ours\noutput "docs" {\n  value = "here"\n}\n\n# Builds on Cloud Build')
    ],
}
CHANGES = (
    "python=3.12", "GitLabCI.schedule=17 3 * * 1", "GitHubActions.branch=trunk",
    "CloudBuildDefaultConfig.branch=trunk",
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a pipeline for every CI, which a person has edited."""
    done = mx("generate", "MLProjectSkeleton", "churn-model", "--no-input", "--skip-git", cwd=tmp_path)
    root = tmp_path / "churn-model"
    for name in ("GitLabCI", "GitHubActions", "CloudBuildDefaultConfig"):
        done = mx("generate", name, "--no-input", cwd=root)
        assert done.code == 0, done.stderr
    for path, edits in EDITS.items():
        for before, after in edits:
            edit(root / path, before, after)
    return root


def edit(path: Path, before: str, after: str) -> None:
    """What a person does: `before`, which is there once, becomes `after`."""
    text = path.read_text()
    assert text.count(before) == 1, (path, before)
    path.write_text(text.replace(before, after))


def change(project: Path, *arguments: str) -> tuple[Outcome, dict[str, str]]:
    """`mx set`, and what becomes of which file."""
    done = mx("set", *arguments, "--json", cwd=project)
    answer = json.loads(done.stdout)
    return done, {row["path"]: row["status"] for row in answer["changes"]}


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text().replace("\non:", '\n"on":'))


def test_an_update_comes_into_what_a_person_edited(project: Path) -> None:
    done, changes = change(project, *CHANGES)
    assert done.code == 0, done.stderr
    assert {changes[path] for path in EDITS} == {"merge"}
    for path, edits in EDITS.items():
        text = (project / path).read_text()
        assert [after for _, after in edits if after not in text] == [], path
    jobs = loaded(project / GITLAB)
    assert jobs[".mx-job"]["image"].startswith("python:3.12.")
    assert any('"schedule"' in rule["if"] for rule in jobs["mx-train"]["rules"])
    assert loaded(project / CALLER)["on"]["push"] == {"branches": ["trunk"]}
    assert next(iter(loaded(project / GITHUB)["jobs"])) == "spell"
    assert loaded(project / CLOUD_BUILD)["steps"][0]["name"].startswith("python:3.12.")
    assert 'default     = "trunk"' in (project / TERRAFORM).read_text()
    assert check_schemas(project) == []
    _, again = change(project, *CHANGES)
    assert set(again.values()) <= {"identical", "keep"}


def test_what_both_changed_is_not_decided_for_the_person(project: Path) -> None:
    edit(project / CALLER, "      - main\n", "      - develop\n")
    before = {path: (project / path).read_bytes() for path in [*EDITS, CALLER]}
    done, changes = change(project, *CHANGES)
    assert done.code == 1
    assert changes[CALLER] == "conflict"
    assert {path: (project / path).read_bytes() for path in before} == before, "nothing is written"
    done, _ = change(project, *CHANGES, "--on-conflict=keep")
    assert done.code == 0, done.stderr
    assert (project / CALLER).read_bytes() == before[CALLER]
    assert loaded(project / GITLAB)[".mx-job"]["image"].startswith("python:3.12.")


def test_destroying_leaves_what_a_person_edited_and_undo_brings_all_back(project: Path) -> None:
    before = {
        path: path.read_bytes() for path in project.rglob("*") if path.is_file() and ".mx" not in path.parts
    }
    done = mx("destroy", "GitHubActions", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    assert [path.name for path in (project / ".github/workflows").iterdir()] == ["mx-jobs.yaml"]
    assert "you edited it" in done.stdout
    assert mx("undo", "--no-input", cwd=project).code == 0
    after = {
        path: path.read_bytes() for path in project.rglob("*") if path.is_file() and ".mx" not in path.parts
    }
    assert after == before
