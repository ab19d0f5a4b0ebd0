"""The pipelines and the image as others look at them: GitLab's schema, checkov, shellcheck, and what zizmor looks for in workflows; waivers are written, with a reason."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from checks_checkov import run_checkov
from checks_ci import check_shell
from checks_gitlab import check_gitlab, check_schema
from extract import gitlab_scripts
from mxdev.testing import render, text

from mxdev_shipyard.pipelines.options import PACKAGE

FILES = [
    ("ModelProject", ".gitlab-ci.yml"),
    ("PromotionPipeline", "promotion.yml"),
    ("PromotionPipeline", "experiment.yml"),
    ("OnboardingRepository", ".gitlab-ci.yml"),
]


@pytest.fixture(params=FILES, ids=lambda one: "/".join(one))
def pipeline(request: pytest.FixtureRequest) -> str:
    generator, file = request.param
    return text(render(generator, name="deploy-iris-model"), file)


def test_it_is_as_gitlab_s_schema_says(pipeline: str) -> None:
    assert check_schema(pipeline) == []


def test_nobody_else_decides_what_a_job_runs(pipeline: str) -> None:
    assert check_gitlab(pipeline) == []
    assert check_shell(gitlab_scripts(pipeline)) == []


def test_checkov_finds_nothing(tmp_path: Path) -> None:
    for generator, file in FILES:
        folder = tmp_path / generator / file.removeprefix(".")
        folder.mkdir(parents=True)
        # It looks at files of this name only.
        (folder / ".gitlab-ci.yml").write_text(text(render(generator, name="deploy-iris-model"), file))
    report = run_checkov(tmp_path, "gitlab_ci")
    assert (report.failed, report.waived) == ([], [])
    assert report.passed > 4
    image = tmp_path / "image"
    image.mkdir()
    (image / "Dockerfile").write_text(text(render("ModelProject", name="deploy-iris-model"), "Dockerfile"))
    report = run_checkov(image, "dockerfile")
    assert (report.failed, report.waived) == ([], [])
    assert report.passed > 20


def test_the_release_that_pipelines_install_is_this_one() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert f"{project['name']}=={project['version']}" == PACKAGE
