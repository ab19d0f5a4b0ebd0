"""The repositories of the platform: what GitLab would take, and a script that really onboards what changed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from mxdev.testing import mx

from mxdev_shipyard.onboarding import settings


@pytest.fixture(scope="module", params=["PromotionPipeline", "OnboardingRepository"])
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    made = mx("generate", request.param, "platform", "--no-input", "--skip-git", cwd=folder)
    assert made.code == 0, made.stderr
    return folder / "platform"


def _pipeline(root: Path) -> dict[str, Any]:
    (file,) = [name for name in ("promotion.yml", ".gitlab-ci.yml") if (root / name).exists()]
    data: dict[str, Any] = yaml.safe_load((root / file).read_text())
    return data


def test_mx_finds_nothing_in_it(rendered: Path) -> None:
    linted = mx("lint", cwd=rendered)
    assert linted.code == 0, linted.stdout


def test_an_experiment_releases_nothing(tmp_path: Path) -> None:
    made = mx("generate", "PromotionPipeline", "pp", "--no-input", "--skip-git", cwd=tmp_path)
    assert made.code == 0, made.stderr
    jobs = _pipeline(tmp_path / "pp")
    for name, job in jobs.items():
        if name == "build" or name.startswith(("promote-", "back-")):
            rules = job.get("rules") or jobs[job["extends"]]["rules"]
            assert all(
                '$TRAINING == null && $CI_PIPELINE_SOURCE != "schedule"' in one["if"] for one in rules
            ), name
    child = yaml.safe_load((tmp_path / "pp/experiment.yml").read_text())
    for name in ("experiment", "retrain"):
        [included] = jobs[name]["trigger"]["include"]
        assert (tmp_path / "pp" / included["file"].lstrip("/")).is_file()
        assert set(jobs[name]["variables"]) == {"TRAINING", "EVALUATION", "START_WEIGHTS"}
    assert [job for job in child if not job.startswith(".") and "script" in child[job]] == [
        "train",
        "store",
        "compare",
    ]
    # What one job leaves, the next one finds.
    assert child[".experiment"]["artifacts"]["paths"] == ["experiment/"]


def test_the_token_lies_in_no_build_context(rendered: Path) -> None:
    """What lies below the checkout, `docker build .` may take into an image that others pull."""
    checkout = "/builds/shipyard/iris"
    place = _pipeline(rendered)["variables"]["AWS_WEB_IDENTITY_TOKEN_FILE"]
    place = place.replace("${CI_PROJECT_DIR}", checkout).replace("$CI_PROJECT_DIR", checkout)
    assert Path(checkout) not in Path(place).parents


def test_a_merge_request_gets_nothing_that_may_change_something(tmp_path: Path) -> None:
    """GitLab gives protected variables to protected branches only, and a merge request's is none."""
    made = mx("generate", "OnboardingRepository", "boarding", "--no-input", "--skip-git", cwd=tmp_path)
    assert made.code == 0, made.stderr
    jobs = _pipeline(tmp_path / "boarding")
    (dry, real) = (jobs[name]["variables"] for name in ("dry-run", "onboard"))
    assert dry["GITLAB_TOKEN"] == "$SHIPYARD_READ_TOKEN"
    assert real["GITLAB_TOKEN"] == "$SHIPYARD_TOKEN"
    # The services of the repository are its own, and blocked without it.
    assert all(jobs[name]["script"][-1].endswith(" --trust") for name in ("dry-run", "onboard"))
    assert dry["AWS_ROLE_ARN"] != real["AWS_ROLE_ARN"]
    assert "AWS_ROLE_ARN" not in jobs["variables"]
    readme = (tmp_path / "boarding/README.md").read_text()
    assert "| `SHIPYARD_READ_TOKEN` | no |" in readme
    assert dry["AWS_ROLE_ARN"] in readme


def test_promotion_needs_what_comes_before_and_a_hand(tmp_path: Path) -> None:
    made = mx(
        "generate",
        "PromotionPipeline",
        "pp",
        "--no-input",
        "--skip-git",
        "--least-coverage",
        "91",
        cwd=tmp_path,
    )
    assert made.code == 0, made.stderr
    jobs = _pipeline(tmp_path / "pp")
    assert jobs["stages"] == ["standards", "test", "build", "feedback", "experiment", "staging", "production"]
    assert jobs["variables"]["LEAST_COVERAGE"] == "91"
    assert jobs["promote-staging"]["needs"] == ["build"]
    assert jobs["promote-production"]["needs"] == ["promote-staging"]
    assert jobs["promote-production"]["rules"][0]["when"] == "manual"
    assert "rules" not in jobs["promote-staging"]
    assert jobs["back-production"]["variables"]["RELEASE"] == "--back"
    assert jobs["promote-production"]["environment"]["url"] == (
        "https://$MODEL.production.models.example.com/v1/models/$MODEL"
    )


def test_only_values_that_changed_are_onboarded(tmp_path: Path) -> None:
    made = mx("generate", "OnboardingRepository", "boarding", "--no-input", "--skip-git", cwd=tmp_path)
    assert made.code == 0, made.stderr
    root = tmp_path / "boarding"
    assert list(settings.read(root / "shipyard.yaml").environments) == ["staging", "production"]
    # A double of mx: it only notes how it was called.
    double = tmp_path / "bin/mx"
    double.parent.mkdir()
    double.write_text('#!/bin/sh\necho "$@" >> "$CALLS"\n[ "$2" != values/rose.yml ] || exit 3\n')
    double.chmod(0o755)
    calls = tmp_path / "calls"
    environment = {
        **os.environ,
        "PATH": f"{double.parent}{os.pathsep}{os.environ['PATH']}",
        "CALLS": str(calls),
    }

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        done = subprocess.run(["git", *who, *arguments], cwd=root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def script(*arguments: str) -> int:
        calls.write_text("")
        return subprocess.run(
            ["sh", "onboard.sh", *arguments], cwd=root, env=environment, check=False
        ).returncode

    git("init", "-q")
    (root / "values/iris.yml").write_text("a: 1\n")
    git("add", "-A")
    git("commit", "-q", "-m", "one")
    first = git("rev-parse", "HEAD")
    assert script("0" * 40) == 0
    assert calls.read_text() == "onboard values/iris.yml\n"
    assert script(first) == 0
    assert calls.read_text() == ""
    (root / "values/tulip.yml").write_text("a: 1\n")
    git("add", "-A")
    git("commit", "-q", "-m", "two")
    assert script(first, "--dry-run") == 0
    assert calls.read_text() == "onboard values/tulip.yml --dry-run\n"
    (root / "values/rose.yml").write_text("a: 1\n")
    git("add", "-A")
    git("commit", "-q", "-m", "three")
    # The pipeline is red; no later commit would bring the others.
    assert script(first) == 3
    assert calls.read_text() == "onboard values/rose.yml\nonboard values/tulip.yml\n"
