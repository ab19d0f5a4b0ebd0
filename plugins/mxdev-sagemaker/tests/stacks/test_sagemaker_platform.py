"""SageMakerPlatform and Squad: rendered once, and looked at by the tools that read it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from mxdev.testing import mx, once, run
from sagemaker_schema import schema
from sagemaker_terraform import WITH, checked_stack, generated, own_tests, terraform, zipped

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A platform with two squads, its functions zipped."""
    made = generated(tmp_path_factory.mktemp("platform"), "SageMakerPlatform", "acme-ml")
    for squad, *options in (
        ("vision", "--experiment", "detector", "--experiment", "tracker", "--member", "ada"),
        ("text-search", "--experiment", "ranker"),
    ):
        done = mx("generate", "Squad", squad, "--no-input", *options, cwd=made)
        assert done.code == 0, done.stdout + done.stderr
    zipped(made)
    return made


def test_the_functions_pass_their_own_tests(platform: Path) -> None:
    told = once([platform, "own", WITH], lambda: own_tests(platform))
    assert re.search(r"^\d{2} passed", told, re.MULTILINE), told


def test_terraform_with_the_real_provider(platform: Path) -> None:
    assert ", 0 failed" in once([platform, "terraform", WITH], lambda: checked_stack(platform))


def test_the_bucket_of_the_state_is_valid(platform: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(platform / "bootstrap", tmp_path / "bootstrap"))
    run("terraform", "validate", cwd=folder, env=terraform(folder))


def test_the_same_code_makes_the_same_zip(platform: Path, tmp_path: Path) -> None:
    zips = sorted((platform / "lambdas/build").glob("*.zip"))
    before = [path.read_bytes() for path in zips]
    assert [path.name for path in zips] == ["deploy_manager.zip", "pipeline_upsert.zip"]
    for path in platform.rglob("lambdas/*/*.py"):
        os.utime(path, (1, 1))
    zipped(platform)
    assert [path.read_bytes() for path in zips] == before


def test_mx_finds_nothing_in_it(platform: Path) -> None:
    linted = mx("lint", cwd=platform)
    assert linted.code == 0, linted.stdout + linted.stderr


def test_the_base_image_is_one_that_a_linter_likes(platform: Path) -> None:
    run(BIN / "hadolint", "base/Dockerfile", cwd=platform)
    # Experiments begin with the tag that the platform builds first.
    from mxdev_sagemaker.experiment.generator import Experiment

    (tag,) = [one for one in Experiment.options if one.name == "base-tag"]
    assert (platform / "base/version").read_text().strip() == tag.default


def test_the_pipeline_is_as_gitlab_s_schema_says(platform: Path) -> None:
    jsonschema.validate(
        yaml.safe_load((platform / ".gitlab-ci.yml").read_text()), schema("gitlab-ci.schema.json")
    )


def test_a_squad_is_taken_back_alone(tmp_path: Path) -> None:
    made = generated(tmp_path, "SageMakerPlatform", "acme-ml")
    for squad in ("vision", "search"):
        assert mx("generate", "Squad", squad, "--no-input", cwd=made).code == 0
    assert mx("destroy", "Squad:vision", "--no-input", cwd=made).code == 0
    assert [path.name for path in sorted((made / "terraform").glob("squad_*.tf"))] == ["squad_search.tf"]


@pytest.mark.parametrize("squad", ["Vision", "a-name-that-is-too-long", "x"])
def test_a_name_that_no_bucket_takes_is_refused(platform: Path, squad: str) -> None:
    refused = mx("generate", "Squad", squad, "--no-input", "--dry-run", cwd=platform)
    assert refused.code == 2
    assert "2 to 15 lower-case letters" in refused.stderr
