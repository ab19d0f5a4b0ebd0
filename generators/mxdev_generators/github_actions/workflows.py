"""The job graph as GitHub Actions understands it (https://docs.github.com/actions/reference/workflow-syntax-for-github-actions).

Three workflows, by what starts them. Only the one for pull requests and the default branch keeps a cache: a cache that
a pull request may have filled must not reach what is released.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev_generators.ci.graph import REPORTS, SITE, UV_VERSION, Event, Job, jobs
from mxdev_generators.ci.options import (
    account_email,
    cron,
    environment,
    facts,
    image_registry,
    python_registry,
)
from mxdev_generators.ci.text import document
from mxdev_generators.github_actions import actions
from mxdev_generators.github_actions.actions import Step, with_versions

FOLDER = ".github/workflows"
CI, RELEASE, TRAIN = "mx-ci", "mx-release", "mx-train"
WORKFLOWS: Mapping[str, tuple[Event, ...]] = {
    CI: ("review", "push"),
    RELEASE: ("tag",),
    TRAIN: ("schedule", "manual"),
}
ONLY_PUSH = "github.event_name == 'push'"
RUNNER = "ubuntu-24.04"
_HEADS = {
    CI: "Every pull request and every commit of the default branch.",
    RELEASE: "A tag v...: publish the package, build the image, train.",
    TRAIN: "By hand, or on the schedule: train the default branch as it is.",
}


def render(values: Mapping[str, Any]) -> dict[str, str]:
    """The workflows by their paths."""
    graph = jobs(facts(values, lint_report="sarif", release=values["cloud"] != "gcp"))
    return {f"{FOLDER}/{name}.yaml": _workflow(name, graph, values) for name in WORKFLOWS}


def _workflow(name: str, graph: tuple[Job, ...], values: Mapping[str, Any]) -> str:
    events = WORKFLOWS[name]
    content: dict[str, Any] = {
        "name": name,
        "on": _triggers(name, values),
        # Each job asks for what it needs, and gets no more.
        "permissions": {},
        "concurrency": _concurrency(name),
        "defaults": {"run": {"shell": "bash"}},
        "env": environment(values),
        "jobs": {job.name: _job(name, job, values) for job in graph if set(job.events) & set(events)},
    }
    text = document(f"{_HEADS[name]} The same jobs run in every CI that mx renders.", content)
    return with_versions(text.replace('\n"on":', "\non:"))


def _triggers(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    if name == CI:
        return {"pull_request": {}, "push": {"branches": [values["branch"]]}}
    if name == RELEASE:
        return {"push": {"tags": ["v[0-9]*"]}}
    schedule = {"schedule": [{"cron": cron(values)}]} if values["schedule"] else {}
    return {"workflow_dispatch": {}, **schedule}


def _concurrency(name: str) -> dict[str, Any]:
    if name != CI:
        return {"group": f"{name}-${{{{ github.ref }}}}", "cancel-in-progress": False}
    # A push to a pull request makes its older run useless; every commit of the default branch gets its image.
    return {
        "group": f"{name}-${{{{ github.event.pull_request.number || github.run_id }}}}",
        "cancel-in-progress": "${{ github.event_name == 'pull_request' }}",
    }


def _job(workflow: str, job: Job, values: Mapping[str, Any]) -> dict[str, Any]:
    rendered: dict[str, Any] = {"name": job.title}
    if workflow == CI and "review" not in job.events:
        rendered["if"] = ONLY_PUSH
    if job.after:
        rendered["needs"] = list(job.after)
    rendered["runs-on"] = RUNNER
    rendered["timeout-minutes"] = job.minutes
    rendered["permissions"] = _permissions(workflow, job, values)
    if job.name == "publish-docs":
        url = "${{ steps.deployment.outputs.page_url }}"
        rendered["environment"] = {"name": "github-pages", "url": url}
        rendered["concurrency"] = {"group": "pages", "cancel-in-progress": False}
        rendered["steps"] = [actions.DEPLOY_PAGES.step(id="deployment")]
        return rendered
    if job.name == "train":
        rendered["concurrency"] = {"group": "train", "cancel-in-progress": False}
    rendered["steps"] = [*_before(workflow, job, values), _run(job, values), *_after(workflow, job)]
    return rendered


def _permissions(workflow: str, job: Job, values: Mapping[str, Any]) -> dict[str, str]:
    gcp = values["cloud"] == "gcp"
    if job.name == "publish-docs":
        return {"pages": "write", "id-token": "write"}
    granted = {"contents": "read"}
    if gcp and {"images", "packages", "cluster"} & set(job.uses):
        granted["id-token"] = "write"
    elif "images" in job.uses:
        granted["packages"] = "write"
    elif "packages" in job.uses:
        granted["contents"] = "write"
    if workflow == CI and job.name == "lint":
        granted["security-events"] = "write"
    return granted


def _before(workflow: str, job: Job, values: Mapping[str, Any]) -> list[Step]:
    steps = [actions.CHECKOUT.step(persist_credentials=False)]
    if {"mx", "project", "packages"} & set(job.uses):
        cached = {"cache_dependency_glob": "pyproject.toml\nrequirements.lock"} if workflow == CI else {}
        steps.append(
            actions.SETUP_UV.step(
                version=UV_VERSION, python_version=values["python"], enable_cache=workflow == CI, **cached
            )
        )
    if "packages" in job.uses:
        steps.append(actions.DOWNLOAD.step(name="dist", path="dist"))
    if values["cloud"] == "gcp" and {"images", "packages"} & set(job.uses):
        steps.append(_auth(values, token_format="access_token", create_credentials_file=False))  # noqa: S106
    if "cluster" in job.uses:
        steps += [
            _auth(values),
            actions.SETUP_GCLOUD.step(
                version=">= 500.0.0", install_components="kubectl,gke-gcloud-auth-plugin"
            ),
        ]
    return steps


def _auth(values: Mapping[str, Any], **more: Any) -> Step:
    return actions.AUTH.step(
        id="auth",
        project_id=values["project_id"],
        workload_identity_provider="${{ vars.GCP_WORKLOAD_IDENTITY_PROVIDER }}",
        service_account=account_email(values, "github"),
        **more,
    )


def _run(job: Job, values: Mapping[str, Any]) -> Step:
    gcp = values["cloud"] == "gcp"
    token = "${{ steps.auth.outputs.access_token }}"  # noqa: S105  (an expression, no token)
    known = {
        "COMMIT": "${{ github.sha }}",
        "TAG": "${{ github.ref_name }}",
        # Names of images are in lower case; GitHub's need not be.
        "REGISTRY": image_registry(values) if gcp else None,
        "REGISTRY_USER": "oauth2accesstoken" if gcp else "${{ github.actor }}",
        "REGISTRY_PASSWORD": token if gcp else "${{ github.token }}",
        "UV_PUBLISH_URL": python_registry(values),
        "UV_PUBLISH_USERNAME": "oauth2accesstoken",
        "UV_PUBLISH_PASSWORD": token,
        "GH_TOKEN": "${{ github.token }}",
        "MLFLOW_TRACKING_URI": "${{ vars.MLFLOW_TRACKING_URI }}",
    }
    given = {name: value for name in job.environment if (value := known[name]) is not None}
    lines = ['REGISTRY="ghcr.io/${GITHUB_REPOSITORY,,}"'] if "REGISTRY" in job.environment and not gcp else []
    lines += [*job.prepare, f"echo 'The same on your machine: {job.again}'", *job.commands]
    script = "".join(line.rstrip("\n") + "\n" for line in lines)
    return {"name": job.title, **({"env": given} if given else {}), "run": script}


def _after(workflow: str, job: Job) -> list[Step]:
    always = "${{ !cancelled() }}"
    if job.name in ("lint", "test"):
        steps = [
            actions.UPLOAD.step(
                when=always, name=f"{job.name}-reports", path=REPORTS, if_no_files_found="error"
            )
        ]
        if job.name == "test":
            summary = '.venv/bin/python -m coverage report --format=markdown >> "$GITHUB_STEP_SUMMARY"'
            steps.append({"name": "Show the coverage", "if": always, "run": summary})
        elif workflow == CI:
            # Code scanning is for public repositories, and a fork's pull request may not write to it.
            may = "${{ !cancelled() && !github.event.repository.private && !github.event.pull_request.head.repo.fork }}"
            steps.append(
                actions.UPLOAD_SARIF.step(when=may, sarif_file=f"{REPORTS}/lint.sarif", category="mx-lint")
            )
        return steps
    if job.name == "docs" and workflow == CI:
        return [actions.UPLOAD_PAGES.step(when=ONLY_PUSH, path=SITE)]
    if job.name == "package":
        return [actions.UPLOAD.step(name="dist", path="dist", if_no_files_found="error")]
    if job.name == "train" and job.results:
        return [actions.UPLOAD.step(when=always, name="runs", path=job.results[0], include_hidden_files=True)]
    return []
