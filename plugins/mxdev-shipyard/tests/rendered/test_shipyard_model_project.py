"""ModelProject: what it asks, what it renders, and that all of it works."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from mxdev.testing import converse, mx, render, text
from shipyard_environment import NAME, own_tests, project, python

ARCHITECTURES = ("text", "tabular", "image")


@pytest.fixture(scope="module", params=ARCHITECTURES)
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp(request.param), "--architecture", request.param)


def test_it_trains_evaluates_and_passes_its_own_tests(rendered: Path) -> None:
    done = subprocess.run([python(), "train.py"], cwd=rendered, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["accuracy"] > 0.85
    assert (rendered / "weights/model.npz").is_file()
    told = own_tests(rendered)
    assert "Required test coverage of 85.0% reached" in told
    # schemathesis makes a subtest of each operation in openapi.yaml: both were called.
    assert "2 subtests passed" in told


def test_a_service_that_does_not_answer_as_described_is_red(tmp_path: Path) -> None:
    broken = project(tmp_path)
    serve = broken / "serve.py"
    serve.write_text(serve.read_text().replace('{"predictions":', '{"answers":'))
    told = own_tests(broken, "--no-cov", "-k", "as_described", code=1)
    assert '"predictions" is a required property' in told


def test_mx_finds_nothing_in_it(rendered: Path) -> None:
    linted = mx("lint", cwd=rendered)
    assert linted.code == 0, linted.stdout


def test_the_five_questions(tmp_path: Path) -> None:
    answers = [
        ("The repository", NAME),
        ("Description", 'Which *iris* is it? "No" $idea #1'),
        ("Wiki", "https://wiki.acme.example/iris"),
        ("Tracker", "https://jira.acme.example/browse/IRIS"),
        ("Author's e-mail", "ada@acme.example"),
        ("Generate it like this?", ""),
    ]
    told = converse("generate", "ModelProject", cwd=tmp_path, answers=answers)
    assert told.code == 0, told.stdout
    readme = (tmp_path / NAME / "README.md").read_text()
    assert r"Which \*iris\* is it?" in readme
    assert "https://jira.acme.example/browse/IRIS" in readme
    assert (
        'description="Which *iris* is it? \\"No\\" \\$idea #1"'
        in (tmp_path / NAME / "Dockerfile").read_text()
    )


def test_a_name_that_is_none_is_told_with_the_one_that_is(tmp_path: Path) -> None:
    refused = mx("generate", "ModelProject", "iris", "--no-input", cwd=tmp_path)
    assert refused.code == 2
    assert "did you mean deploy-iris-model?" in refused.stderr


def test_data_and_weights_are_ignored_and_there() -> None:
    tree = render("ModelProject", name=NAME)
    for folder in ("datasets", "weights"):
        assert text(tree, f"{folder}/.gitignore") == "*\n!.gitignore\n"
    assert "s3://shipyard-models/deploy-iris-model/models/1970-01-01T00:00:00Z" in text(
        tree, ".gitlab-ci.yml"
    )
