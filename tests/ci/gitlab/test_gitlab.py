"""GitLabCI: what it writes, beside a pipeline that is there already, and that it can be taken back."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from extract import LATER, gitlab_jobs
from jsonschema.validators import validator_for

from mxdev import testing
from mxdev.testing import mx, render, text

JOBS = ".gitlab/mx.gitlab-ci.yml"
BY_HAND = """\
# Ours.
stages: [check, ship]

include:
  - project: platform/templates   # theirs
    file: /docker.yml

lint:
  stage: check
  script: [make lint]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    done = mx("generate", "MLProjectSkeleton", "churn-model", "--no-input", "--skip-git", cwd=tmp_path)
    assert done.code == 0, done.stderr
    return tmp_path / "churn-model"


def written(**options: Any) -> str:
    """The rendered file."""
    return text(render("GitLabCI", **{"name": "churn-model", **options}), JOBS)


def pipeline(**options: Any) -> dict[str, Any]:
    """The rendered jobs, each with what it extends."""
    return gitlab_jobs(written(**options))


def lines(job: dict[str, Any]) -> list[str]:
    """What a job runs."""
    commands = [*job.get("before_script", []), *job["script"]]
    return [line for command in commands for line in command.splitlines()]


@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_gitlab_accepts_it(cloud: str, shared: Path) -> None:
    schema = json.loads((shared / "schemas/gitlab-ci.schema.json").read_text())
    validator = validator_for(schema)(schema)
    tree = render("GitLabCI", name="churn-model", cloud=cloud, schedule="17 3 * * 1")
    for path in (JOBS, ".gitlab-ci.yml"):
        content = yaml.safe_load(testing.contents(tree)[path])
        assert [error.message for error in validator.iter_errors(content)] == []


def test_the_pipeline_by_hand_is_left_alone(project: Path) -> None:
    path = project / ".gitlab-ci.yml"
    path.write_text(BY_HAND)
    done = mx("generate", "GitLabCI", "--stage", "check", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    included = BY_HAND.replace("    file: /docker.yml\n", f"    file: /docker.yml\n  - local: {JOBS}\n")
    assert path.read_text() == included
    assert yaml.safe_load((project / JOBS).read_text())[".mx-job"]["stage"] == "check"
    # No job of ours has the name of one of theirs: GitLab would mix them.
    assert not set(yaml.safe_load(BY_HAND)) & set(yaml.safe_load((project / JOBS).read_text()))
    done = mx("destroy", "GitLabCI", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    assert path.read_text() == BY_HAND
    assert not (project / JOBS).exists()
    assert not list((project / "infrastructure/terraform").glob("**/gitlab*"))


@pytest.mark.parametrize(
    "by_hand",
    [
        "include:\n  - /ci/a.yml\n  - local: /ci/b.yml\njob:\n  script: [make]\n",
        "include:\n- /ci/a.yml\n\n# about the job\njob:\n  script: [make]\n",
        ".x: &x\n  script: [make]\njob:\n  <<: *x\ninclude:\n  - &inc local: /ci/a.yml\nother: {include: [1]}\n",
        "job:\n  script:\n    - !reference [.setup, script]   # theirs\n    - make\n",
        "# nothing yet\n",
        "job:\r\n  script: [make]\r\n",
        "job:\n  script: [make]",
    ],
    ids=["strings", "not indented", "anchors", "tags", "comment", "CRLF", "no line break"],
)
def test_every_pipeline_gets_an_entry_and_is_whole_afterwards(project: Path, by_hand: str) -> None:
    path = project / ".gitlab-ci.yml"
    path.write_bytes(by_hand.encode())
    done = mx("generate", "GitLabCI", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    text = path.read_bytes().decode()
    entry = [line for line in text.splitlines() if JOBS in line]
    assert [line.strip() for line in entry] == [f"- local: {JOBS}"]
    kept = [line for line in text.splitlines() if line not in entry]
    own = by_hand.splitlines()
    assert kept == own or kept == [*own, "include:"]
    assert mx("destroy", "GitLabCI", "--no-input", cwd=project).code == 0
    assert path.read_bytes() == by_hand.encode()


@pytest.mark.parametrize(
    ("by_hand", "what_to_do"),
    [
        (
            "include: [{project: platform/templates, file: /docker.yml}]\n",
            "Rewrite that place in block style",
        ),
        ("{include: [], job: {script: [make]}}\n", "Rewrite that place in block style"),
        (".inc: &inc\n  - local: /ci/a.yml\ninclude: *inc\n", "Rewrite that place in block style"),
        ("include: /ci/a.yml\n", "Make it a list"),
        ("include:\n  local: /ci/a.yml\n", "Make it a list"),
    ],
    ids=["flow style", "flow style, all of it", "alias", "string", "mapping"],
)
def test_an_include_that_cannot_be_edited_is_an_error_with_the_snippet(
    project: Path, by_hand: str, what_to_do: str
) -> None:
    (project / ".gitlab-ci.yml").write_text(by_hand)
    done = mx("generate", "GitLabCI", "--no-input", cwd=project)
    assert done.code != 0
    assert what_to_do in done.stderr
    assert f"\n- local: {JOBS}\n" in done.stderr
    assert ".gitlab-ci.yml" in done.stderr
    assert (project / ".gitlab-ci.yml").read_text() == by_hand
    assert not (project / JOBS).exists()


def test_without_a_pipeline_there_is_one_afterwards(project: Path) -> None:
    done = mx("generate", "GitLabCI", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    assert (project / ".gitlab-ci.yml").read_text() == f"include:\n  - local: {JOBS}\n"
    assert "--repository-id NUMBER" in done.stdout
    assert "GCP_WORKLOAD_IDENTITY_PROVIDER" in done.stdout
    again = mx("generate", "GitLabCI", "--json", cwd=project)
    assert json.loads(again.stdout)["outcome"] == "nothing"
    assert mx("destroy", "GitLabCI", "--no-input", cwd=project).code == 0
    assert not (project / ".gitlab-ci.yml").exists()


@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_no_key_and_no_secret_is_anywhere(cloud: str) -> None:
    jobs = pipeline(cloud=cloud)
    rendered = json.dumps(jobs)
    for word in ("SERVICE_ACCOUNT_KEY", "private_key", "DOCKER_AUTH_CONFIG", "credentials.json"):
        assert word not in rendered
    into_cloud = {name for name, job in jobs.items() if "id_tokens" in job and not LATER.fullmatch(name)}
    assert into_cloud == ({"mx-image-base", "mx-image-run", "mx-train"} if cloud == "gcp" else set())
    # A merge request's jobs get no token.
    for job in jobs.values():
        assert "id_tokens" not in job or not any("merge_request_event" in rule["if"] for rule in job["rules"])


def test_the_token_is_exchanged_in_one_place() -> None:
    assert written(cloud="gcp").count("https://sts.googleapis.com/v1/token") == 1
    assert "googleapis" not in written(cloud="existing")


@pytest.mark.parametrize(
    ("cloud", "needed"), [("gcp", "GCP_WORKLOAD_IDENTITY_PROVIDER"), ("existing", "KUBECONFIG_FILE")]
)
def test_what_is_not_set_up_yet_does_not_run(cloud: str, needed: str) -> None:
    """The first push is green: jobs that could get nowhere are left out of the pipeline, with those that wait for them."""
    jobs = pipeline(cloud=cloud, schedule="17 3 * * 1")
    guarded = {
        name
        for name, job in jobs.items()
        if all(rule["if"].endswith(f" && ${needed}") for rule in job["rules"])
    }
    images = {"mx-image-base", "mx-image-run"} if cloud == "gcp" else set()
    assert guarded == images | {name for name in jobs if name.startswith("mx-train")}
    for name, job in jobs.items():
        assert {need["job"] for need in job["needs"]} & guarded == set() or name in guarded


def test_who_plans_is_not_who_applies() -> None:
    """A review's job acts as an account that looks; applying is somebody's click, in an environment that may be protected."""
    jobs = pipeline(terraform="apply", repository_id="4711")
    for role in ("plan", "apply"):
        job = jobs[f"mx-terraform-{role}"]
        assert (
            job["variables"]["GOOGLE_ACCOUNT"]
            == f"churn-model-gitlab-{role}@churn-model.iam.gserviceaccount.com"
        )
        assert job["variables"]["GOOGLE_PROVIDER"] == f"$GCP_WORKLOAD_IDENTITY_PROVIDER-{role}"
        assert job["id_tokens"]["GCP_ID_TOKEN"]["aud"] == "https://iam.googleapis.com/$GOOGLE_PROVIDER"
    assert {rule["when"] for rule in jobs["mx-terraform-apply"]["rules"]} == {"manual"}
    assert jobs["mx-terraform-apply"]["environment"] == {"name": "terraform"}
    assert jobs["mx-terraform-plan"]["artifacts"]["reports"] == {"terraform": "build/plan.json"}
    assert (
        jobs["mx-train"]["variables"]["GOOGLE_ACCOUNT"]
        == "churn-model-gitlab@churn-model.iam.gserviceaccount.com"
    )
    assert not [name for name in pipeline() if name.startswith("mx-terraform-")]


def test_what_a_plan_would_do_is_counted(tmp_path: Path) -> None:
    """As GitLab shows it in a merge request."""
    actions = [["create"], ["create"], ["update"], ["delete", "create"], ["no-op"]]
    plan = {"resource_changes": [{"change": {"actions": found}} for found in actions]}
    (tmp_path / "terraform").write_text(f"#!/bin/sh\ncat {tmp_path}/plan\n")
    (tmp_path / "terraform").chmod(0o755)
    (tmp_path / "plan").write_text(json.dumps(plan))
    (tmp_path / "build").mkdir()
    environ = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    command = pipeline(terraform="apply")["mx-terraform-plan"]["script"][-1]
    subprocess.run(["bash", "-eo", "pipefail", "-c", command], cwd=tmp_path, env=environ, check=True)
    assert json.loads((tmp_path / "build/plan.json").read_text()) == {"create": 3, "update": 1, "delete": 1}


def test_terraform_comes_as_it_was_published(tmp_path: Path) -> None:
    """Another archive than the one that is known by its hash is not unpacked."""
    (tmp_path / "curl").write_text(f"#!/bin/sh\necho something else > {tmp_path}/terraform.zip\n")
    (tmp_path / "curl").chmod(0o755)
    environ = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    script = "\n".join(pipeline()["mx-terraform"]["before_script"]).replace("/tmp/", f"{tmp_path}/")
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "terraform.zip: FAILED" in done.stdout
    assert not (tmp_path / ".local").exists()


def test_every_job_has_a_timeout_and_says_how_to_do_it_again() -> None:
    for name, job in pipeline().items():
        assert job["timeout"].endswith(" minutes"), name
        if LATER.fullmatch(name):
            continue
        said = {"mx-test": "pytest", "mx-terraform": "terraform "}.get(name, "mx ")
        assert any(line.startswith(f"echo 'The same on your machine: {said}") for line in lines(job)), name


def test_a_push_does_not_take_the_image_of_the_one_before() -> None:
    """GitLab ends what the next push makes useless, unless a job has begun that must not be ended."""
    for name, job in pipeline().items():
        reviewed = any("merge_request_event" in rule["if"] for rule in job["rules"])
        assert job.get("interruptible", False) is reviewed, name
    assert pipeline()["mx-image-base"]["needs"] == [], "it begins at once"


@pytest.mark.parametrize("cloud", ["gcp", "existing"])
@pytest.mark.parametrize("mirror", ["", "mirror.gcr.io"])
def test_images_are_built_beside_the_job(cloud: str, mirror: str) -> None:
    """By a user without rights, where the registry's password is not; and on storage that has layers."""
    for name in ("mx-image-base", "mx-image-run"):
        job = pipeline(cloud=cloud, docker_mirror=mirror)[name]
        (service,) = job["services"]
        image = f"{mirror}/moby/buildkit" if mirror else "moby/buildkit"
        assert re.fullmatch(rf"{re.escape(image)}:v\d+\.\d+\.\d+-rootless", service["name"])
        assert f"docker buildx create --use --driver remote tcp://{service['alias']}:1234" in lines(job)
        assert service["command"][:2] == ["--addr", "tcp://0.0.0.0:1234"]
        assert not [line for line in lines(job) if "buildah" in line or "vfs" in line]
        assert "cache" not in job


def test_images_are_built_by_the_runners_that_are_named() -> None:
    jobs = pipeline(image_runner="saas-linux-medium-amd64")
    tagged = {name: job["tags"] for name, job in jobs.items() if "tags" in job}
    assert tagged == {key: ["saas-linux-medium-amd64"] for key in ("mx-image-base", "mx-image-run")}
    assert not [job for job in pipeline().values() if "tags" in job]


def test_pipelines_run_for_the_branch_that_is_named() -> None:
    for branch in ("main", "ours/next"):
        rules = [rule["if"] for rule in pipeline(branch=branch)["mx-test"]["rules"]]
        assert f'$CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_BRANCH == "{branch}"' in rules
        commands = [step.command for step in render("GitLabCI", name="churn-model", branch=branch).next_steps]
        assert f"git push origin HEAD:{branch}" in commands


@pytest.mark.parametrize("hours", [1, 5, 72, 8760])
def test_a_training_is_looked_at_until_it_must_be_over(hours: int) -> None:
    """By jobs that take no runner while they wait, none of them before the training began, and for no longer than GitLab lets them."""
    found = pipeline(training_hours=hours)
    delays = []
    for name, job in found.items():
        if not name.startswith("mx-train-result"):
            continue
        assert [need["job"] for need in job["needs"]] == ["mx-train"]
        assert job["allow_failure"] == {"exit_codes": 75}
        assert {rule["when"] for rule in job["rules"]} == {"delayed"}
        (delay,) = {rule["start_in"] for rule in job["rules"]}
        delays.append(int(delay.removesuffix(" hours")))
    assert delays == sorted(set(delays))
    assert delays[-1] == min(hours + 1, 168)
    assert found["mx-train-cancel"]["rules"][0]["when"] == "manual"


@pytest.mark.parametrize(
    ("source", "requirement", "index"),
    [
        ("index", "mx-devtool[lint]=={}", None),
        ("https://pypi.example.com/simple/", "mx-devtool[lint]=={}", "https://pypi.example.com/simple/"),
        ("git+https://git.example.com/ml/mx-devtool.git", "mx-devtool[lint] @ git+https://git.example.com/ml/mx-devtool.git@v{}", None),
    ],
)  # fmt: skip
def test_mx_comes_at_its_version_from_its_source(source: str, requirement: str, index: str | None) -> None:
    import mxdev

    variables = yaml.safe_load(written(mx_source=source))[".mx-job"]["variables"]
    assert variables["MX_REQUIREMENT"] == requirement.format(mxdev.__version__)
    assert variables.get("UV_INDEX") == index
