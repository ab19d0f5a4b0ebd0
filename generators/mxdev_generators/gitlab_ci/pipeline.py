"""The job graph as GitLab CI/CD understands it (https://docs.gitlab.com/ci/yaml/)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev_generators.ci import images
from mxdev_generators.ci.graph import REPORTS, SITE, Event, Job, jobs
from mxdev_generators.ci.options import (
    GCLOUD_IMAGE,
    account_email,
    environment,
    facts,
    image_registry,
    python_image,
)
from mxdev_generators.ci.text import document

PATH = ".gitlab/mx.gitlab-ci.yml"
# Names must not meet those of a pipeline that is there already: GitLab would mix both jobs silently.
PREFIX = "mx-"
BASE = ".mx-job"

RULES: Mapping[Event, str] = {
    "review": '$CI_PIPELINE_SOURCE == "merge_request_event"',
    "push": '$CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH',
    "tag": '$CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_TAG =~ /^v[0-9]/',
    "schedule": '$CI_PIPELINE_SOURCE == "schedule"',
    "manual": '$CI_PIPELINE_SOURCE == "web"',
}
_PACKAGES = "$CI_API_V4_URL/projects/$CI_PROJECT_ID/packages/pypi"
_JWT = "/tmp/gitlab.jwt"  # noqa: S108  (in the job's own container)
# Whose results a job takes: from -> to.
_PASSED = {("docs", "publish-docs"), ("package", "publish-package")}

HEAD = """\
The jobs of this project, included by .gitlab-ci.yml.

Every job prints the command that does the same on your machine. What it runs is the same in every CI that mx renders.
"""


def render(values: Mapping[str, Any]) -> str:
    """The file with the jobs."""
    graph = jobs(facts(values, lint_report="gitlab"))
    content: dict[str, Any] = {BASE: _base(values)}
    for job in graph:
        content[PREFIX + job.name] = _job(job, values)
    return document(HEAD, content)


def _base(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "stage": values["stage"],
        "image": python_image(values["python"]),
        "retry": {"max": 1, "when": ["runner_system_failure"]},
        "variables": {
            **environment(values),
            "UV_CACHE_DIR": "$CI_PROJECT_DIR/.cache/uv",
            "UV_LINK_MODE": "copy",
        },
    }


def _job(job: Job, values: Mapping[str, Any]) -> dict[str, Any]:
    gcp = values["cloud"] == "gcp"
    builds = "images" in job.uses
    rendered: dict[str, Any] = {"extends": BASE}
    if "cluster" in job.uses:
        rendered["image"] = GCLOUD_IMAGE
    rendered["rules"] = [{"if": RULES[event]} for event in job.events]
    rendered["needs"] = [
        {"job": PREFIX + name, "artifacts": (name, job.name) in _PASSED} for name in job.after
    ]
    rendered["timeout"] = f"{job.minutes} minutes"
    # The next push ends a pipeline in which none but such jobs have begun: that of a merge request, and no other.
    if "review" in job.events:
        rendered["interruptible"] = True
    if job.name == "train":
        rendered["resource_group"] = "mx-train"
    variables = _variables(job, values)
    if variables:
        rendered["variables"] = variables
    if gcp and (builds or "cluster" in job.uses):
        rendered["id_tokens"] = {
            "GCP_ID_TOKEN": {"aud": "https://iam.googleapis.com/$GCP_WORKLOAD_IDENTITY_PROVIDER"}
        }
    if {"mx", "project"} & set(job.uses) and not builds:
        rendered["cache"] = {
            "key": {"files": ["pyproject.toml", "requirements.lock"], "prefix": f"uv-{job.name}"},
            "paths": [".cache/uv"],
        }
    before = _platform(job, values)
    script = [
        f"echo 'The same on your machine: {job.again}'",
        *(job.commands or [f"test -f {SITE}/index.html"]),
    ]
    if builds:
        script = list(images.as_builder([*job.prepare, *script]))
    else:
        before += job.prepare
    if before:
        rendered["before_script"] = before
    rendered["script"] = script
    rendered |= _results(job)
    return rendered


def _variables(job: Job, values: Mapping[str, Any]) -> dict[str, str]:
    gcp = values["cloud"] == "gcp"
    known = {
        "COMMIT": "$CI_COMMIT_SHA",
        "TAG": "$CI_COMMIT_TAG",
        "REGISTRY": image_registry(values) if gcp else "$CI_REGISTRY_IMAGE",
        # With Google Cloud the password is made in the job, from the job's own identity.
        "REGISTRY_USER": "oauth2accesstoken" if gcp else "$CI_REGISTRY_USER",
        "REGISTRY_PASSWORD": None if gcp else "$CI_REGISTRY_PASSWORD",
        "UV_PUBLISH_URL": _PACKAGES,
        "UV_PUBLISH_USERNAME": "gitlab-ci-token",
        "UV_PUBLISH_PASSWORD": "$CI_JOB_TOKEN",
        # A variable of the project's settings reaches every job by itself.
        "MLFLOW_TRACKING_URI": None,
    }
    variables = {name: value for name in job.environment if (value := known[name]) is not None}
    if "images" in job.uses:
        variables |= images.ENVIRONMENT
    return variables


def _platform(job: Job, values: Mapping[str, Any]) -> list[str]:
    """What the machine lacks that GitLab gives."""
    lines: list[str] = []
    if "images" in job.uses:
        # GitLab's clone may be written to by everybody, and so would be the files in the image.
        lines += [*images.PREPARE, "chmod --recursive go-w ."]
        if values["cloud"] == "gcp":
            lines += _token(values)
    elif {"mx", "project", "packages"} & set(job.uses):
        lines.append(images.UV)
    if "cluster" in job.uses:
        email = account_email(values, "gitlab")
        lines += [
            f'printf "%s" "$GCP_ID_TOKEN" > {_JWT}',
            'gcloud iam workload-identity-pools create-cred-config "$GCP_WORKLOAD_IDENTITY_PROVIDER"'
            f" --service-account={email} --credential-source-file={_JWT} --output-file=/tmp/gcp.json",
            "gcloud auth login --quiet --cred-file=/tmp/gcp.json",
        ]
    return lines


def _token(values: Mapping[str, Any]) -> list[str]:
    """An access token for one hour, from the job's identity: exchanged at Google, never stored."""
    email = account_email(values, "gitlab")
    read = "python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])'"
    scope = "https://www.googleapis.com/auth/cloud-platform"
    grant = "urn:ietf:params:oauth:grant-type:token-exchange"
    kind = "urn:ietf:params:oauth:token-type"
    return [
        f'printf "%s" "$GCP_ID_TOKEN" > {_JWT}',
        "FEDERATED=$(curl --fail-with-body --silent --show-error https://sts.googleapis.com/v1/token"
        f" --data-urlencode grant_type={grant}"
        f" --data-urlencode requested_token_type={kind}:access_token"
        f" --data-urlencode subject_token_type={kind}:jwt"
        f" --data-urlencode subject_token@{_JWT}"
        ' --data-urlencode "audience=//iam.googleapis.com/$GCP_WORKLOAD_IDENTITY_PROVIDER"'
        f" --data-urlencode scope={scope} | {read} access_token)",
        'REGISTRY_PASSWORD=$(printf "header = \\"Authorization: Bearer %s\\"" "$FEDERATED"'
        " | curl --fail-with-body --silent --show-error --config -"
        f' --json \'{{"scope": ["{scope}"], "lifetime": "3600s"}}\''
        f" https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
        f" | {read} accessToken)",
        "export REGISTRY_PASSWORD",
    ]


def _results(job: Job) -> dict[str, Any]:
    if job.name == "publish-docs":
        return {"pages": {"publish": SITE}, "artifacts": {"paths": [f"{SITE}/"], "expire_in": "1 day"}}
    if not job.results:
        return {}
    artifacts: dict[str, Any] = {"paths": [f"{path}/" for path in job.results], "expire_in": "1 week"}
    if job.name == "lint":
        artifacts |= {"when": "always", "reports": {"codequality": f"{REPORTS}/lint.json"}}
    if job.name == "test":
        coverage = {"coverage_format": "cobertura", "path": f"{REPORTS}/coverage.xml"}
        artifacts |= {
            "when": "always",
            "reports": {"junit": f"{REPORTS}/junit.xml", "coverage_report": coverage},
        }
        return {"coverage": r"/^TOTAL.+?(\d+(?:\.\d+)?)%$/", "artifacts": artifacts}
    if job.name == "train":
        artifacts["when"] = "always"
    return {"artifacts": artifacts}
