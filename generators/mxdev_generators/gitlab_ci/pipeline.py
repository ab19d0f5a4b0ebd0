"""The job graph as GitLab CI/CD understands it (https://docs.gitlab.com/ci/yaml/)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev_generators.ci import images, promotion, terraform, training
from mxdev_generators.ci.graph import jobs
from mxdev_generators.ci.model import MX, REPORTS, SITE, Event, Facts, Job
from mxdev_generators.ci.options import (
    environment,
    facts,
    image_registry,
    own_registry,
    python_image,
)
from mxdev_generators.ci.text import document
from mxdev_generators.gitlab_ci import google
from mxdev_generators.images.table import image

PATH = ".gitlab/mx.gitlab-ci.yml"
# Names must not meet those of a pipeline that is there already: GitLab would mix both jobs silently.
PREFIX = "mx-"
BASE, GOOGLE, RESULT = ".mx-job", ".mx-google", ".mx-train-result"

RULES: Mapping[Event, str] = {
    "review": '$CI_PIPELINE_SOURCE == "merge_request_event"',
    "push": '$CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_BRANCH == "{branch}"',
    "tag": '$CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_TAG =~ /^v[0-9]/',
    "schedule": '$CI_PIPELINE_SOURCE == "schedule"',
    "manual": '$CI_PIPELINE_SOURCE == "web"',
}
_PACKAGES = "$CI_API_V4_URL/projects/$CI_PROJECT_ID/packages/pypi"
# Whose results a job takes: from -> to.
_PASSED = {("docs", "publish-docs"), ("package", "publish-package"), ("terraform-plan", "terraform-apply")}
# Hours after which a training that is followed no longer is looked at. Waiting for that takes no runner.
_LOOKS = (1, 6, 24)
_ON_GOOGLE = {"images", "cluster", "infrastructure"}
_MOST_HOURS = 168  # GitLab delays a job by a week at most

_COUNTED = "build/plan.json"
# What GitLab shows in a merge request: how much would be made, changed and removed.
_COUNT = (
    f"terraform -chdir={terraform.FOLDER} show -json terraform.tfplan | python3 -c 'import json, sys; "
    'found = [action for change in json.load(sys.stdin).get("resource_changes", []) for action in change["change"]["actions"]]; '
    f'print(json.dumps({{name: found.count(name) for name in ("create", "update", "delete")}}))\' > {_COUNTED}'
)

HEAD = """\
The jobs of this project, included by .gitlab-ci.yml.

Every job prints the command that does the same on your machine. What it runs is the same in every CI that mx renders.
"""


def render(values: Mapping[str, Any]) -> str:
    """The file with the jobs."""
    known = facts(values, lint_report="gitlab", publish_docs=values["publish_docs"])
    graph = jobs(known)
    content: dict[str, Any] = {BASE: _base(values)}
    if values["cloud"] == "gcp":
        content[GOOGLE] = google.job(values)
    for job in graph:
        content[PREFIX + job.name] = _job(job, values)
    (train,) = (job for job in graph if job.name == "train")
    return document(HEAD, content | _later(train, known, values))


def _base(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "stage": values["stage"],
        "image": python_image(values),
        "retry": {"max": 1, "when": ["runner_system_failure"]},
        "variables": {
            **environment(values),
            "UV_CACHE_DIR": "$CI_PROJECT_DIR/.cache/uv",
            "UV_LINK_MODE": "copy",
        },
    }


def _job(job: Job, values: Mapping[str, Any]) -> dict[str, Any]:
    builds = "images" in job.uses
    rendered: dict[str, Any] = {"extends": [BASE, GOOGLE] if _google(job, values) else BASE}
    if builds:
        if values["image_runner"]:
            rendered["tags"] = [values["image_runner"]]
        rendered["services"] = [_buildkit(values)]
    rendered["rules"] = [{"if": rule} for rule in _rules(job, values)]
    rendered["needs"] = [
        {
            "job": PREFIX + name,
            "artifacts": (name, job.name) in _PASSED or name.startswith(promotion.preview("")),
        }
        for name in job.after
    ]
    rendered["timeout"] = f"{job.minutes} minutes"
    # The next push ends a pipeline in which none but such jobs have begun: that of a merge request, and no other.
    if "review" in job.events:
        rendered["interruptible"] = True
    variables = _variables(job, values)
    if variables:
        rendered["variables"] = variables
    if {"mx", "project"} & set(job.uses) and not builds:
        rendered["cache"] = {
            "key": {"files": ["pyproject.toml", "requirements.lock"], "prefix": f"uv-{job.name}"},
            "paths": [".cache/uv"],
        }
    prepare = [*_platform(job, values), *job.prepare]
    script = [
        f"echo 'The same on your machine: {job.again}'",
        *(job.commands or [f"test -f {SITE}/index.html"]),
    ]
    if isinstance(rendered["extends"], list):
        # There is a token before anything else; what comes before a job's script is that of one place only.
        script = [*prepare, *script]
    elif prepare:
        rendered["before_script"] = prepare
    rendered["script"] = script
    if job.name == "train":
        rendered["after_script"] = _cancelled()
    if job.name == "terraform-plan":
        rendered["script"] = [*script, _COUNT]
    if job.name == "terraform-apply":
        rendered["rules"] = [{**rule, "when": "manual", "allow_failure": True} for rule in rendered["rules"]]
        rendered |= {"environment": {"name": terraform.ENVIRONMENT}, "resource_group": "terraform"}
    if to := promotion.environment(job):
        # Whoever must approve, says the protected environment. What a later promotion waits for may not be passed over.
        last = to == promotion.names(values)[-1]
        rendered["rules"] = [{**rule, "when": "manual", "allow_failure": last} for rule in rendered["rules"]]
        rendered |= {"environment": {"name": to}, "resource_group": to}
    return rendered | _results(job)


def _rules(job: Job, values: Mapping[str, Any]) -> list[str]:
    """When a job runs: only once there is what it needs to get anywhere."""
    needed = ""
    if _google(job, values):
        needed = " && $GCP_WORKLOAD_IDENTITY_PROVIDER"
    elif "cluster" in job.uses:
        needed = " && $KUBECONFIG_FILE"
    return [RULES[event].replace("{branch}", values["branch"]) + needed for event in job.events]


def _google(job: Job, values: Mapping[str, Any]) -> bool:
    """Whether a job goes to Google Cloud."""
    return values["cloud"] == "gcp" and bool(_ON_GOOGLE & set(job.uses))


def _buildkit(values: Mapping[str, Any]) -> dict[str, Any]:
    """A BuildKit beside the job, whose user has no rights: what a Dockerfile runs is other people's code."""
    command = ["--addr", "tcp://0.0.0.0:1234", "--oci-worker-no-process-sandbox"]
    return {"name": image("buildkit", values, short=True), "alias": "buildkit", "command": command}


def _variables(job: Job, values: Mapping[str, Any]) -> dict[str, str]:
    gcp = values["cloud"] == "gcp"
    own = own_registry(values)
    known = {
        "COMMIT": "$CI_COMMIT_SHA",
        "TAG": "$CI_COMMIT_TAG",
        "REGISTRY": image_registry(values) if gcp else own or "$CI_REGISTRY_IMAGE",
        # With Google Cloud the password is made in the job, from the job's own identity; a registry of one's own has
        # variables of the same names in the project's settings, which reach every job by themselves.
        "REGISTRY_USER": "oauth2accesstoken" if gcp else None if own else "$CI_REGISTRY_USER",
        "REGISTRY_PASSWORD": None if gcp or own else "$CI_REGISTRY_PASSWORD",
        "GOOGLE_TOKEN": None,
        "GOOGLE_OAUTH_ACCESS_TOKEN": None,
        "KUBECONFIG_DATA": None,
        "UV_PUBLISH_URL": _PACKAGES,
        "UV_PUBLISH_USERNAME": "gitlab-ci-token",
        "UV_PUBLISH_PASSWORD": "$CI_JOB_TOKEN",
    }
    variables = {name: value for name in job.environment if (value := known[name]) is not None}
    if (to := promotion.environment(job)) and gcp:
        # Variables of GitLab's environment of that name come before these.
        project = "$GCP_PROJECT_ID"
        there = {**values, "name": f"{values['name']}-{to}", "project_id": project}
        variables |= google.account(there, promotion.role(job))
        variables["GCP_PROJECT_ID"] = values["project_id"]
    elif "images" in job.uses:
        variables |= images.ENVIRONMENT
    elif "infrastructure" in job.uses:
        variables |= google.account(values, promotion.role(job))
    return variables


def _platform(job: Job, values: Mapping[str, Any]) -> list[str]:
    """What the machine lacks that GitLab gives."""
    lines: list[str] = []
    if {"mx", "project", "packages"} & set(job.uses):
        lines.append(images.UV)
    if "images" in job.uses:
        lines += [
            images.DOCKER,
            "docker buildx create --use --driver remote tcp://buildkit:1234",
            # GitLab's clone may be written to by everybody, and so would be the files in the image.
            "chmod --recursive go-w .",
        ]
        if values["cloud"] == "gcp":
            lines.append('REGISTRY_PASSWORD="$GOOGLE_TOKEN"')
    if "cluster" in job.uses:
        lines += _cluster(values)
    if "infrastructure" in job.uses:
        lines.append('export GOOGLE_OAUTH_ACCESS_TOKEN="$GOOGLE_TOKEN"')
    return lines


def _cluster(values: Mapping[str, Any]) -> list[str]:
    own = [] if values["cloud"] == "gcp" else ['KUBECONFIG_DATA=$(cat "$KUBECONFIG_FILE")']
    return [images.KUBECTL, *own]


def _cancelled() -> list[str]:
    """What happens after a job that starts a training, also when somebody cancelled it: in a shell of its own."""
    return [
        'test "$CI_JOB_STATUS" = canceled || exit 0',
        'PATH="$(uv tool dir --bin):$PATH"',
        *training.cancel(),
    ]


def _later(train: Job, known: Facts, values: Mapping[str, Any]) -> dict[str, Any]:
    """Jobs that look again at a training that went on, and one that cancels it. Until they begin they take no runner."""
    prepare = [images.UV, *_cluster(values), *MX, *training.cluster(known)]
    run = f'RUN="$(cat {training.RUN_FILE})"'
    content: dict[str, Any] = {
        RESULT: {
            "extends": [BASE, GOOGLE] if values["cloud"] == "gcp" else BASE,
            "needs": [{"job": PREFIX + train.name, "artifacts": True}],
            "timeout": "15 minutes",
            "script": [*prepare, *training.connect(), run, *training.result(still=training.STILL)],
            "allow_failure": {"exit_codes": training.STILL},
        }
    }
    limit = int(values["training_hours"])
    for hours in [*(hours for hours in _LOOKS if hours < limit), min(limit + 1, _MOST_HOURS)]:
        rules = [
            {"if": rule, "when": "delayed", "start_in": f"{hours} hours"} for rule in _rules(train, values)
        ]
        content[f"{PREFIX}train-result-{hours}h"] = {"extends": RESULT, "rules": rules}
    by_hand = [{"if": rule, "when": "manual", "allow_failure": True} for rule in _rules(train, values)]
    content[f"{PREFIX}train-cancel"] = {
        "extends": RESULT, "rules": by_hand, "script": [*prepare, *training.cancel()]
    }  # fmt: skip
    return content


def _results(job: Job) -> dict[str, Any]:
    if job.name == "publish-docs":
        return {"pages": {"publish": SITE}, "artifacts": {"paths": [f"{SITE}/"], "expire_in": "1 day"}}
    if not job.results:
        return {}
    if promotion.previewed(job):
        return {"artifacts": {"paths": list(job.results), "expire_in": "1 week"}}
    if job.name == "terraform-plan":
        paths = [*job.results, _COUNTED]
        return {"artifacts": {"paths": paths, "expire_in": "1 week", "reports": {"terraform": _COUNTED}}}
    if job.name == "train":
        return {"artifacts": {"paths": list(job.results), "expire_in": "1 week", "when": "always"}}
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
    return {"artifacts": artifacts}
