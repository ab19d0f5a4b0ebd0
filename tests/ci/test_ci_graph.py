"""One job graph in three languages: read back from all of them, and the same."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from extract import Found, Graph, differences, graphs

from mxdev.testing import render, render_all

GENERATORS = ("GitLabCI", "GitHubActions", "CloudBuildDefaultConfig")
JOBS = {
    "lint",
    "test",
    "docs",
    "package",
    "terraform",
    "image-base",
    "image-run",
    "publish-docs",
    "publish-package",
    "train",
}


def rendered(*, published: bool = True, **options: Any) -> dict[str, Graph]:
    """The graph of each CI. Cloud Build keeps documentation in a private bucket, and is not asked whether to publish it."""
    found: dict[str, Graph] = {}
    for name in GENERATORS:
        own = {"publish_docs": True} if published and name != "CloudBuildDefaultConfig" else {}
        found |= graphs(render_all(name, name="churn-model", **own, **options))
    return found


@pytest.mark.parametrize("schedule", ["", "17 3 * * 1"])
@pytest.mark.parametrize("source", ["index", "https://pypi.example.com/simple/"])
def test_all_three_are_the_same(schedule: str, source: str) -> None:
    found = rendered(cloud="gcp", schedule=schedule, mx_source=source)
    assert set(found["gitlab"]) == JOBS
    assert differences(found["gitlab"], found["github"], {"publish-docs"}) == []
    assert differences(found["gitlab"], found["cloud build"], {"publish-docs"}) == []
    assert differences(found["github"], found["cloud build"], {"publish-docs"}) == []


def test_the_login_of_a_package_index_comes_from_each_ci_s_secrets() -> None:
    url = "https://pypi.example.com/simple/"
    # GitLab gives jobs the variables of the project by itself.
    files = {}
    for name in GENERATORS:
        tree = render(name, name="churn-model", package_index=url, mx_source=url)
        files |= {path: file.data for path, file in tree.files.items() if path.endswith(".yaml")}
    login = ["UV_INDEX_PRIVATE_USERNAME", "UV_INDEX_PRIVATE_PASSWORD"]
    jobs = yaml.safe_load(files[".github/workflows/mx-jobs.yaml"])
    assert {name: jobs["env"][name] for name in login} == {
        name: f"${{{{ secrets.{name} }}}}" for name in login
    }
    assert jobs["env"]["UV_INDEX"] == f"private={url}"
    for path in ("mx-ci", "mx-release", "mx-train"):
        workflow = yaml.safe_load(files[f".github/workflows/{path}.yaml"])
        assert workflow["jobs"]["mx"]["secrets"].keys() >= set(login)
    builds = [yaml.safe_load(data) for path, data in files.items() if "cloudbuild/" in path]
    assert builds
    for build in builds:
        assert [one["env"] for one in build["availableSecrets"]["secretManager"]] == login
        assert all(step["secretEnv"] == login for step in build["steps"])


def test_with_a_cluster_of_one_s_own_they_are_the_same_too() -> None:
    found = rendered(cloud="existing")
    for graph in found.values():
        for job in graph.values():
            # Each CI has a registry of its own then.
            if "REGISTRY" in job.environment:
                job.environment["REGISTRY"] = "set"
    # GitHub has no package index: packages go to the release there.
    assert differences(found["gitlab"], found["github"], {"publish-docs", "publish-package"}) == []
    # Cloud Build is on Google Cloud whatever the cluster is.
    assert differences(found["gitlab"], found["cloud build"], {"publish-docs"}) == []


def test_the_graph_is_what_it_should_be() -> None:
    graph = rendered(cloud="gcp", schedule="17 3 * * 1")["gitlab"]
    every = {"review", "push", "tag", "schedule", "manual"}
    assert {name: job.events for name, job in graph.items()} == {
        "lint": every,
        "test": every,
        "docs": {"review", "push", "tag"},
        "package": {"review", "push", "tag"},
        "terraform": {"review", "push"},
        "image-base": every - {"review"},
        "image-run": every - {"review"},
        "publish-docs": {"push"},
        "publish-package": {"tag"},
        "train": {"tag", "schedule", "manual"},
    }
    assert {name: job.after for name, job in graph.items() if job.after} == {
        "image-run": {"lint", "test", "image-base"},
        "publish-docs": {"docs"},
        "publish-package": {"lint", "test", "package"},
        "train": {"image-run"},
    }
    assert "mx lint" in graph["lint"].commands
    assert "-m pytest --cov=churn_model" in graph["test"].commands
    assert graph["docs"].commands == "mx build docs"
    assert graph["package"].commands == "mx build package"
    assert graph["image-base"].commands == 'mx build image base --tool docker --registry "$REGISTRY" --push'
    assert graph["image-run"].environment["COMMIT"] == "commit"
    assert "uv publish dist/*" in graph["publish-package"].commands
    assert {name: job.again for name, job in graph.items()} == {
        "lint": "mx lint",
        "test": "pytest",
        "docs": "mx build docs",
        "package": "mx build package",
        "terraform": "terraform -chdir=infrastructure/terraform test",
        "image-base": "mx build image base",
        "image-run": "mx build image run",
        "publish-docs": "mx build docs",
        "publish-package": "mx build package && uv publish --dry-run",
        "train": "mx flow run --backend kubernetes --detach",
    }


def test_terraform_is_checked_where_there_is_some() -> None:
    for graph in rendered(cloud="gcp").values():
        for word in ("fmt -check", "init -backend=false", "validate", "test"):
            assert f"terraform -chdir=infrastructure/terraform {word}" in graph["terraform"].commands
    assert not [graph for graph in rendered(cloud="existing").values() if "terraform" in graph]


def test_terraform_is_planned_and_applied_only_when_asked() -> None:
    """In GitLab and GitHub alike; what is applied is the plan that was shown, and after somebody approved it."""
    found = {
        name: graphs(render_all(name, name="churn-model", terraform="apply"))
        for name in ("GitLabCI", "GitHubActions")
    }
    gitlab, github = found["GitLabCI"]["gitlab"], found["GitHubActions"]["github"]
    assert set(gitlab) == (JOBS | {"terraform-plan", "terraform-apply"}) - {"publish-docs"}
    # Each CI shows a plan in a way of its own.
    assert differences(gitlab, github, {"terraform-plan"}) == []
    assert gitlab["terraform-plan"].events == {"review", "push"}
    assert gitlab["terraform-apply"].events == {"push"}
    assert gitlab["terraform-apply"].after == {"terraform-plan"}
    assert gitlab["terraform-apply"].commands.endswith("apply -input=false terraform.tfplan")


def test_what_waits_runs_whenever_it_does() -> None:
    """A job must not wait for one that its event leaves out: GitHub would skip it, GitLab refuse the pipeline."""
    for graph in rendered(cloud="gcp", schedule="17 3 * * 1").values():
        for job in graph.values():
            for name in job.after:
                assert job.events <= graph[name].events


def test_documentation_is_published_only_when_asked() -> None:
    """Otherwise it is kept as an artifact; Cloud Build's bucket is private."""
    found = rendered(published=False)
    assert {name for name, graph in found.items() if "publish-docs" in graph} == {"cloud build"}
    assert all("docs" in graph for graph in found.values())


@pytest.mark.parametrize("cloud", ["gcp", "existing"])
@pytest.mark.parametrize("minutes", [None, 300])
def test_a_training_is_started_and_not_held(cloud: str, minutes: int | None) -> None:
    """With a run of its own before it starts, and mx's labels; its job ends before any CI ends it."""
    for name, graph in rendered(cloud=cloud, **({"watch_minutes": minutes} if minutes else {})).items():
        train = graph["train"]
        assert "mx flow run --json --setup --backend kubernetes --detach" in train.commands, name
        # The very image that the job before it pushed.
        assert '--image "$REGISTRY/run:$COMMIT"' in train.commands, name
        assert train.environment["REGISTRY"] == graph["image-run"].environment["REGISTRY"], name
        assert f"timeout {minutes or 30}m mx flow logs" in train.commands, name
        assert (minutes or 30) < train.minutes < 360, name


def test_without_a_schedule_nothing_trains_by_itself() -> None:
    for graph in rendered(cloud="gcp", schedule="").values():
        assert not [name for name, job in graph.items() if "schedule" in job.events]


def changed(job: Found, what: str) -> None:
    if what == "commands":
        job.commands += " --quiet"
    elif what == "minutes":
        job.minutes += 1
    elif what == "environment":
        job.environment["COMMIT"] = "tag"
    elif what == "again":
        job.again = "make"
    elif what == "prepare":
        job.prepare.pop()
        job.prepare.add("something else")
    else:
        getattr(job, what).add("another")


@pytest.mark.parametrize(
    "what", ["events", "after", "minutes", "commands", "environment", "again", "prepare"]
)
def test_a_difference_is_noticed(what: str) -> None:
    graph = rendered(cloud="gcp")["gitlab"]
    other = copy.deepcopy(graph)
    assert differences(graph, other) == []
    changed(other["image-run"], what)
    (said,) = differences(graph, other)
    assert said.startswith(f"image-run: {what}")


def test_a_missing_job_is_noticed() -> None:
    graph = rendered(cloud="gcp")["gitlab"]
    other = {name: job for name, job in graph.items() if name != "docs"}
    assert differences(graph, other) == ["docs is in one of them only"]
