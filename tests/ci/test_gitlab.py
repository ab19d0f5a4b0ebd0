"""GitLabCI: what it writes, beside a pipeline that is there already, and that it can be taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from extract import unwrapped
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


def pipeline(**options: Any) -> dict[str, Any]:
    """The rendered jobs."""
    options.setdefault("name", "churn-model")
    loaded: dict[str, Any] = yaml.safe_load(text(render("GitLabCI", **options), JOBS))
    return loaded


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
    into_cloud = {name for name, job in jobs.items() if "id_tokens" in job}
    assert into_cloud == ({"mx-image-base", "mx-image-run", "mx-train"} if cloud == "gcp" else set())
    # A merge request's jobs get no token.
    review = '$CI_PIPELINE_SOURCE == "merge_request_event"'
    assert not [name for name in into_cloud if review in [rule["if"] for rule in jobs[name]["rules"]]]


def test_every_job_has_a_timeout_and_says_how_to_do_it_again() -> None:
    for name, job in pipeline().items():
        if not name.startswith("."):
            assert job["timeout"].endswith(" minutes"), name
            lines = unwrapped([line for command in job["script"] for line in command.splitlines()])
            assert any(line.startswith("echo 'The same on your machine: mx ") for line in lines) or (
                name == "mx-test" and lines[0] == "echo 'The same on your machine: pytest'"
            ), name


def test_a_push_does_not_take_the_image_of_the_one_before() -> None:
    """GitLab ends what the next push makes useless, unless a job has begun that must not be ended."""
    for name, job in pipeline().items():
        if not name.startswith("."):
            reviewed = any("merge_request_event" in rule["if"] for rule in job["rules"])
            assert job.get("interruptible", False) is reviewed, name
    assert pipeline()["mx-image-base"]["needs"] == [], "it begins at once"


@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_images_are_built_by_a_user_without_rights(cloud: str) -> None:
    for name in ("mx-image-base", "mx-image-run"):
        job = pipeline(cloud=cloud)[name]
        wrapped, run = job["script"]
        assert run.startswith("runuser --user builder -- ")
        assert "buildah login" in wrapped
        assert "mx build image" in wrapped
        # What root does is to prepare, and to fetch a token.
        assert not [line for line in job["before_script"] if line.startswith(("buildah", "mx ", "uv "))]
        assert "cache" not in job, "a cache comes back as root's"


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

    variables = pipeline(mx_source=source)[".mx-job"]["variables"]
    assert variables["MX_REQUIREMENT"] == requirement.format(mxdev.__version__)
    assert variables.get("UV_INDEX") == index
