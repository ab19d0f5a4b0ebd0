"""GitHubActions: pins, permissions, and what pull requests must not reach."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from extract import kinds

from mxdev.testing import mx, render, text
from mxdev_generators.github_actions import actions

JOBS, CALLERS, RESULT = "mx-jobs", ("mx-ci", "mx-release", "mx-train"), "mx-train-result"
WORKFLOWS = (JOBS, *CALLERS, RESULT)
LOCAL = "./.github/workflows/mx-jobs.yaml"


def workflow(name: str, **options: Any) -> dict[str, Any]:
    """A rendered workflow."""
    options.setdefault("name", "churn-model")
    content = text(render("GitHubActions", **options), f".github/workflows/{name}.yaml")
    loaded: dict[str, Any] = yaml.safe_load(content.replace("\non:", '\n"on":'))
    return loaded


def steps(job: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The actions that a job uses, with their inputs."""
    return [(step["uses"], step.get("with", {})) for step in steps_of(job) if "uses" in step]


def steps_of(job: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = job.get("steps", [])
    return found


@pytest.mark.parametrize("name", WORKFLOWS)
@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_actions_are_pinned_and_given_what_they_know(name: str, cloud: str) -> None:
    known = {f"{action.name}@{action.commit}": action for action in actions.ALL}
    jobs = workflow(name, cloud=cloud)["jobs"]
    for job in jobs.values():
        if job.get("uses") == LOCAL:
            continue
        assert job["timeout-minutes"] > 0
        for uses, given in steps(job):
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", uses)
            assert set(given) <= known[uses].inputs
            if uses.startswith("actions/checkout@"):
                assert given["persist-credentials"] is False
    rendered = text(
        render("GitHubActions", name="churn-model", cloud=cloud), f".github/workflows/{name}.yaml"
    )
    pinned = re.findall(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+\n", rendered)
    assert len(re.findall(r"\buses: ", rendered)) == len(pinned) + rendered.count(f"uses: {LOCAL}")


@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_the_jobs_stand_in_one_workflow_and_the_others_call_it(name: str, cloud: str) -> None:
    """With all inputs that it requires, and at least the permissions of every job in it, or GitHub starts none."""
    jobs = workflow(JOBS, cloud=cloud, publish_docs=True)
    inputs = jobs["on"]["workflow_call"]["inputs"]
    (call,) = workflow(name, cloud=cloud, publish_docs=True)["jobs"].values()
    assert call["uses"] == LOCAL
    assert {key for key, value in inputs.items() if value.get("required")} <= set(call["with"]) <= set(inputs)
    assert set(call.get("secrets", {})) <= set(jobs["on"]["workflow_call"].get("secrets", {}))
    for job in jobs["jobs"].values():
        for scope, level in job["permissions"].items():
            assert call["permissions"][scope] in (level, "write"), scope
    length = len(
        text(render("GitHubActions", name="churn-model", cloud=cloud), f".github/workflows/{name}.yaml")
    )
    assert length < 1500


def test_an_input_that_an_action_does_not_have_is_an_error() -> None:
    with pytest.raises(ValueError, match="no input persist_credential"):
        actions.CHECKOUT.step(persist_credential=False)


@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_each_job_has_the_permissions_that_it_needs(cloud: str) -> None:
    for name in WORKFLOWS:
        assert workflow(name, cloud=cloud)["permissions"] == {}
    jobs = workflow(JOBS, cloud=cloud, publish_docs=True)["jobs"]
    found = {job: settings["permissions"] for job, settings in jobs.items()}
    read = {"contents": "read"}
    image = read | ({"id-token": "write"} if cloud == "gcp" else {"packages": "write"})
    says = (
        read | {"statuses": "write", "actions": "write"} | ({"id-token": "write"} if cloud == "gcp" else {})
    )
    assert found == {
        "lint": read | {"security-events": "write"},
        "test": read,
        "docs": read,
        "package": read,
        **({"terraform": read} if cloud == "gcp" else {}),
        "image-base": image,
        "image-run": image,
        "publish-docs": {"pages": "write", "id-token": "write"},
        "publish-package": read | {"id-token": "write"} if cloud == "gcp" else {"contents": "write"},
        "train": says,
    }
    assert workflow(RESULT, cloud=cloud)["jobs"]["results"]["permissions"] == says


def test_a_cache_is_kept_only_where_nothing_is_released() -> None:
    asked = [
        given["enable-cache"]
        for job in workflow(JOBS)["jobs"].values()
        for uses, given in steps(job)
        if uses.startswith("astral-sh/setup-uv@")
    ]
    assert set(asked) == {"${{ inputs.cache }}"}
    assert workflow(JOBS)["on"]["workflow_call"]["inputs"]["cache"]["default"] is False
    said = {name: workflow(name)["jobs"]["mx"]["with"].get("cache", False) for name in CALLERS}
    assert said == {"mx-ci": True, "mx-release": False, "mx-train": False}


@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_a_pull_request_gets_no_token(cloud: str) -> None:
    """Jobs that may write, but to code scanning, are not for reviews; and no secret is handed on. Who plans may look, if asked."""
    for job in workflow(JOBS, cloud=cloud, publish_docs=True)["jobs"].values():
        writes = {scope for scope, level in job["permissions"].items() if level == "write"}
        if writes - {"security-events"}:
            assert "review" not in kinds(job.get("if", ""))
    assert "secrets" not in workflow("mx-ci", cloud=cloud)["jobs"]["mx"]


def test_the_kubeconfig_of_an_environment_reaches_the_job_that_promotes() -> None:
    """GitHub puts an environment's secret only under a name that the caller passes and the called workflow declares."""
    given = {"cloud": "existing", "environments": "qa"}
    assert workflow("mx-ci", **given)["on"] == workflow("mx-ci", cloud="existing")["on"]
    assert workflow("mx-ci", **given)["jobs"]["mx"]["secrets"] == {"KUBECONFIG": "${{ secrets.KUBECONFIG }}"}
    called = workflow(JOBS, **given)
    assert called["on"]["workflow_call"]["secrets"]["KUBECONFIG"] == {"required": False}
    # Only jobs that no pull request starts read it, and the one that promotes is in the environment.
    readers = {
        name: job for name, job in called["jobs"].items() if "secrets.KUBECONFIG" in str(job.get("steps"))
    }
    assert set(readers) == {"train", "promote-qa"}
    assert readers["promote-qa"]["environment"] == "qa"
    assert "The environment qa has no secret KUBECONFIG" in str(readers["promote-qa"]["steps"])
    assert not [name for name, job in readers.items() if "review" in kinds(job.get("if", ""))]


def test_nothing_that_others_write_is_pasted_into_a_script() -> None:
    for name in WORKFLOWS:
        for job in workflow(name)["jobs"].values():
            assert not [step for step in steps_of(job) if "${{" in step.get("run", "")]


@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_what_is_not_set_up_yet_does_not_run(cloud: str) -> None:
    """The first push is green: until Google Cloud knows the repository, no job tries to get in."""
    said = "vars.GCP_WORKLOAD_IDENTITY_PROVIDER != ''"
    for jobs in (workflow(JOBS, cloud=cloud)["jobs"], workflow(RESULT, cloud=cloud)["jobs"]):
        for job in jobs.values():
            goes = any(uses.startswith("google-github-actions/auth@") for uses, _ in steps(job))
            assert goes == (said in job.get("if", ""))
    if cloud == "existing":
        train = workflow(JOBS, cloud=cloud)["jobs"]["train"]
        (script,) = [step["run"] for step in steps_of(train) if step.get("id") == "train"]
        assert re.search(r"^test -n \"\$KUBECONFIG_DATA\" \|\| .*exit 0; \}$", script, re.MULTILINE)


def test_documentation_goes_public_only_when_asked() -> None:
    for publish in (False, True):
        jobs = workflow(JOBS, **({"publish_docs": True} if publish else {}))["jobs"]
        assert ("publish-docs" in jobs) == publish
        used = {uses.partition("@")[0] for uses, _ in steps(jobs["docs"])}
        assert ("actions/upload-pages-artifact" in used) == publish
        assert ("actions/upload-artifact" in used) != publish


@pytest.mark.parametrize("publish", [False, True])
def test_whoever_publishes_is_told_that_it_is_public(publish: bool, tmp_path: Path) -> None:
    tree = render("GitHubActions", name="churn-model", **({"publish_docs": True} if publish else {}))
    (step,) = [step for step in tree.next_steps if step.command.startswith("git push")]
    assert ("is public" in step.why) == publish
    assert "Pages" in step.why or not publish
    help_text = mx("generate", "GitHubActions", "--help", cwd=tmp_path).stdout
    assert "public, even from a private repository" in " ".join(help_text.split())


def test_terraform_is_applied_after_somebody_approved() -> None:
    jobs = workflow(JOBS, terraform="apply")["jobs"]
    plan, apply = jobs["terraform-plan"], jobs["terraform-apply"]
    assert apply["environment"] == "terraform"
    assert "needs.terraform-plan.outputs.changes == 'true'" in apply["if"]
    for role, job in (("plan", plan), ("apply", apply)):
        (given,) = [given for uses, given in steps(job) if uses.startswith("google-github-actions/auth@")]
        assert given["service_account"].startswith(f"churn-model-github-{role}@")
        assert given["workload_identity_provider"] == f"${{{{ vars.GCP_WORKLOAD_IDENTITY_PROVIDER }}}}-{role}"
    # The very plan that was shown.
    (kept,) = [given for uses, given in steps(plan) if uses.startswith("actions/upload-artifact@")]
    (taken,) = [given for uses, given in steps(apply) if uses.startswith("actions/download-artifact@")]
    assert kept["name"] == taken["name"]
    assert "infrastructure/terraform/terraform.tfplan" in kept["path"]
    assert plan["permissions"] == {"contents": "read", "id-token": "write", "pull-requests": "write"}
    assert "pull-requests" not in apply["permissions"]


def test_no_training_is_dropped_while_it_waits() -> None:
    """A group keeps one run that waits and drops an older one: trainings and tags are in no group together."""
    for name in ("mx-release", "mx-train"):
        assert workflow(name)["concurrency"] == {
            "group": f"{name}-${{{{ github.run_id }}}}",
            "cancel-in-progress": False,
        }
    jobs = workflow(JOBS, publish_docs=True)["jobs"]
    assert [name for name, job in jobs.items() if "concurrency" in job] == ["publish-docs"]
