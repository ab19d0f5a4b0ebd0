"""GitHubActions: pins, permissions, and what pull requests must not reach."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from mxdev.testing import render, text
from mxdev_generators.github_actions import actions

WORKFLOWS = ("mx-ci", "mx-release", "mx-train")


def workflow(name: str, **options: Any) -> dict[str, Any]:
    """A rendered workflow."""
    options.setdefault("name", "churn-model")
    content = text(render("GitHubActions", **options), f".github/workflows/{name}.yaml")
    loaded: dict[str, Any] = yaml.safe_load(content.replace("\non:", '\n"on":'))
    return loaded


def steps(job: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The actions that a job uses, with their inputs."""
    return [(step["uses"], step.get("with", {})) for step in job["steps"] if "uses" in step]


@pytest.mark.parametrize("name", WORKFLOWS)
@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_actions_are_pinned_and_given_what_they_know(name: str, cloud: str) -> None:
    known = {f"{action.name}@{action.commit}": action for action in actions.ALL}
    jobs = workflow(name, cloud=cloud)["jobs"]
    for job in jobs.values():
        assert job["timeout-minutes"] > 0
        for uses, given in steps(job):
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", uses)
            assert set(given) <= known[uses].inputs
            if uses.startswith("actions/checkout@"):
                assert given["persist-credentials"] is False
    rendered = text(
        render("GitHubActions", name="churn-model", cloud=cloud), f".github/workflows/{name}.yaml"
    )
    assert rendered.count("uses: ") == len(re.findall(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+\n", rendered))


def test_an_input_that_an_action_does_not_have_is_an_error() -> None:
    with pytest.raises(ValueError, match="no input persist_credential"):
        actions.CHECKOUT.step(persist_credential=False)


@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_each_job_has_the_permissions_that_it_needs(cloud: str) -> None:
    found: dict[str, dict[str, str]] = {}
    for name in WORKFLOWS:
        loaded = workflow(name, cloud=cloud)
        assert loaded["permissions"] == {}
        for job, settings in loaded["jobs"].items():
            found.setdefault(job, settings["permissions"])
    read = {"contents": "read"}
    image = read | ({"id-token": "write"} if cloud == "gcp" else {"packages": "write"})
    assert found == {
        "lint": read | {"security-events": "write"},
        "test": read,
        "docs": read,
        "package": read,
        "image-base": image,
        "image-run": image,
        "publish-docs": {"pages": "write", "id-token": "write"},
        "publish-package": read | {"id-token": "write"} if cloud == "gcp" else {"contents": "write"},
        "train": read | ({"id-token": "write"} if cloud == "gcp" else {}),
    }


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_cache_is_kept_only_where_nothing_is_released(name: str) -> None:
    for job in workflow(name)["jobs"].values():
        for uses, given in steps(job):
            if uses.startswith("astral-sh/setup-uv@"):
                assert given["enable-cache"] is (name == "mx-ci")


def test_a_pull_request_gets_no_token() -> None:
    for job in workflow("mx-ci")["jobs"].values():
        if {"id-token", "packages", "pages"} & set(job["permissions"]):
            assert job["if"] == "github.event_name == 'push'"


def test_nothing_that_others_write_is_pasted_into_a_script() -> None:
    for name in WORKFLOWS:
        for job in workflow(name)["jobs"].values():
            assert not [step for step in job["steps"] if "${{" in step.get("run", "")]
