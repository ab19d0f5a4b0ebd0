"""The job graph as Google Cloud Build understands it (https://cloud.google.com/build/docs/build-config-file-schema).

A build cannot leave a step out, so there is a file for everything that starts one. All steps of a build share
/workspace and a home folder: what several jobs need is prepared once, in a step of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev_generators.ci import images, promotion, terraform
from mxdev_generators.ci.graph import jobs
from mxdev_generators.ci.model import REPORTS, SITE, UV_VERSION, Event, Job
from mxdev_generators.ci.options import (
    account_email,
    environment,
    facts,
    image_registry,
    own_registry,
    python_image,
    python_registry,
)
from mxdev_generators.ci.text import document
from mxdev_generators.images.table import image
from mxdev_generators.project import package_index
from mxdev_generators.project.naming import bucket_prefix

FOLDER = "infrastructure/cloudbuild"
BUILDS: Mapping[str, tuple[Event, ...]] = {
    "review": ("review",),
    "push": ("push",),
    "tag": ("tag",),
    "train": ("schedule", "manual"),
}
PREPARE = "prepare"
PROMOTE = "promote"
"""The role of the account that promotions act as: what builds every push has no right in another environment."""
# Where plans lie between the build that makes one and the one that applies it: they may hold secrets, as the states do.
_STATES = "https://storage.googleapis.com"
_AS = """printf 'header = "Authorization: Bearer %s"' "$GOOGLE_OAUTH_ACCESS_TOKEN" | curl --fail-with-body --silent --show-error --config -"""
_HEADS = {
    "review": "A pull or merge request. It runs as an account that may write logs, and nothing else.",
    "push": "A commit of the default branch.",
    "tag": "A tag v...: publish the package, build the image, train.",
    "train": "By hand, or on the schedule: train the default branch as it is.",
}
# The project's own account, from the machine that the step runs on.
_ACCESS = (
    "curl --fail --silent --show-error --header 'Metadata-Flavor: Google'"
    " http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
    " | python3 -c 'import json, sys; print(json.load(sys.stdin)[\"access_token\"])'"
)
_UV = f"pip install --quiet --root-user-action=ignore --user uv=={UV_VERSION}"
_USER_PATH = 'PATH="$HOME/.local/bin:$PATH"'


def render(values: Mapping[str, Any]) -> dict[str, str]:
    """The files by their paths."""
    # To a private bucket, which is not publishing: only members of the project read it.
    graph = jobs(facts(values, lint_report="gitlab", publish_docs=True))
    found = {name: [job for job in graph if _starts(name, job)] for name in BUILDS}
    # Nobody can be asked within a build, so what waits for somebody is a build of its own.
    found |= {job.name: [job] for job in graph if _alone(job)}
    return {f"{FOLDER}/{name}.yaml": _build(name, chosen, values) for name, chosen in found.items()}


def _starts(name: str, job: Job) -> bool:
    # Nor is anything applied that nobody has agreed to.
    return bool(set(job.events) & set(BUILDS[name])) and not _alone(job) and job.name not in terraform.ROLES


def _alone(job: Job) -> bool:
    """Whether a job is a build of its own."""
    return bool(promotion.environment(job) or promotion.previewed(job))


def _plan_object(environment: str, values: Mapping[str, Any]) -> str:
    """The name of the plan of a commit, in the bucket of the states, in a shell."""
    return f"plans/{values['name']}/{environment}/$COMMIT.tfplan"


def _kept(environment: str, values: Mapping[str, Any]) -> list[str]:
    """Commands that show a plan, and put it where the promotion finds it."""
    said, plan = terraform.files(environment)
    place = f"{_STATES}/upload/storage/v1/b/{values['project_id']}-tfstate/o?uploadType=media&name={_plan_object(environment, values)}"
    return [
        f"cat {said}",
        f'{_AS} --output /dev/null --request POST --header "Content-Type: application/octet-stream" --data-binary @{plan} "{place}"',
    ]


def _fetched(environment: str, values: Mapping[str, Any]) -> list[str]:
    """Commands that fetch the plan that somebody has agreed to."""
    plan = terraform.files(environment)[1]
    name = _plan_object(environment, values).replace("/", "%2F")
    first = f"No plan of the commit $COMMIT: the trigger {values['name']}-{promotion.preview(environment)} makes it, which comes first."
    return [
        f'{_AS} --output {plan} "{_STATES}/storage/v1/b/{values["project_id"]}-tfstate/o/{name}?alt=media" || {{ echo "{first}" >&2; exit 1; }}'
    ]


def docs_bucket(values: Mapping[str, Any]) -> str:
    """The private bucket that documentation and reports go to."""
    return f"{bucket_prefix(values['project_id'], values['name'])}-docs"


def kubeconfig_secret(values: Mapping[str, Any], environment: str = "") -> str:
    """The secret that has the kubeconfig of a cluster of one's own, or of an environment's."""
    name = f"{values['name']}-{environment}" if environment else values["name"]
    return f"{name}-kubeconfig"


def login_secrets(values: Mapping[str, Any]) -> dict[str, str]:
    """The secrets with the login of the project's own package index, by the variables that get them."""
    return {env: f"{values['name']}-{env.lower().replace('_', '-')}" for env in package_index.login(values)}


def registry(values: Mapping[str, Any]) -> str:
    """Where images go: Google's own registry, which is the one that builds have a password for."""
    own = own_registry(values)
    return own if own.partition("/")[0].endswith("-docker.pkg.dev") else image_registry(values)


def _build(name: str, chosen: list[Job], values: Mapping[str, Any]) -> str:
    here = {job.name for job in chosen}
    role = "review" if name == "review" else "build"
    if _alone(chosen[0]):
        role = PROMOTE if promotion.environment(chosen[0]) else terraform.PREVIEW
    shared = environment(values) | {"UV_LINK_MODE": "copy"}
    content: dict[str, Any] = {
        "steps": [_prepare(chosen, values), *(_step(job, here, values) for job in chosen)],
        "options": {
            "logging": "CLOUD_LOGGING_ONLY",
            "machineType": "E2_HIGHCPU_8",
            "diskSizeGb": 100,
            "env": [f"{key}={value}" for key, value in shared.items()],
        },
        "serviceAccount": f"projects/{values['project_id']}/serviceAccounts/{account_email(values, role)}",
        # Steps that do not wait for each other run at the same time; even one after the other they fit.
        "timeout": f"{60 * (20 + sum(job.minutes for job in chosen))}s",
    }
    secrets = [
        {"versionName": f"projects/{values['project_id']}/secrets/{secret}/versions/latest", "env": env}
        for env, secret in login_secrets(values).items()
    ]
    if values["cloud"] != "gcp" and any("cluster" in job.uses for job in chosen):
        version = f"projects/{values['project_id']}/secrets/{kubeconfig_secret(values, promotion.environment(chosen[0]))}/versions/latest"
        secrets.append({"versionName": version, "env": "KUBECONFIG_DATA"})
    if secrets:
        content["availableSecrets"] = {"secretManager": secrets}
    if name != "review" and values["cloud"] == "gcp" and any(REPORTS in job.results for job in chosen):
        location = f"gs://{docs_bucket(values)}/reports/$BUILD_ID"
        content["artifacts"] = {"objects": {"location": location, "paths": [f"{REPORTS}/*"]}}
    what = f"{chosen[0].title}, once somebody has agreed."
    if to := promotion.previewed(chosen[0]):
        what = f"What a promotion to {to} would apply; it looks, and changes nothing."
    head = _HEADS.get(name) or what
    return document(f"{head} The same jobs run in every CI that mx renders.", content)


def _prepare(chosen: list[Job], values: Mapping[str, Any]) -> dict[str, Any]:
    """What jobs prepare for themselves elsewhere, once for all of them; but not what dies with its step."""
    lines = list(dict.fromkeys(line for job in chosen for line in job.prepare if _lasts(line)))
    return {
        "id": PREPARE,
        "name": python_image(values),
        "waitFor": ["-"],
        "timeout": "1200s",
        **({"secretEnv": login} if (login := list(login_secrets(values))) else {}),
        "script": _script([_UV, _USER_PATH, *lines]),
    }


def _lasts(line: str) -> bool:
    return line.startswith(("uv ", "test "))


def _step(job: Job, here: set[str], values: Mapping[str, Any]) -> dict[str, Any]:
    gcloud = job.name == "publish-docs"
    step: dict[str, Any] = {
        "id": job.name,
        "name": image("gcloud", values) if gcloud else python_image(values),
        "waitFor": [PREPARE, *(name for name in job.after if name in here)],
        "timeout": f"{60 * job.minutes}s",
    }
    given = _environment(job, values)
    if given:
        step["env"] = [f"{key}={value}" for key, value in given.items()]
    commands = job.commands or (
        f"gcloud storage rsync --recursive --delete-unmatched-destination-objects {SITE} gs://{docs_bucket(values)}/html",
    )
    said = [f"echo 'The same on your machine: {job.again}'", *commands]
    secret = [
        *login_secrets(values),
        *(["KUBECONFIG_DATA"] if "KUBECONFIG_DATA" in job.environment else []),
    ]
    if secret:
        step["secretEnv"] = secret
    lines = [] if gcloud or not job.uses else [_USER_PATH]
    if "images" in job.uses:
        # The machine's own Docker builds, in containers of its own.
        lines += [images.DOCKER, f"REGISTRY_PASSWORD=$({_ACCESS})"]
    if "packages" in job.uses:
        lines += [f"UV_PUBLISH_PASSWORD=$({_ACCESS})", "export UV_PUBLISH_PASSWORD"]
    if "cluster" in job.uses:
        lines.append(images.KUBECTL)
    if "GOOGLE_TOKEN" in job.environment:
        lines.append(f"GOOGLE_TOKEN=$({_ACCESS})")
    if (to := promotion.environment(job)) and values["cloud"] == "gcp":
        tfvars = f"{terraform.FOLDER}/environments/{to}.tfvars"
        lines.append(f"""GCP_PROJECT_ID=$(sed --quiet 's/^project_id *= *"\\(.*\\)"/\\1/p' {tfvars})""")
    lines += [line for line in job.prepare if not _lasts(line)]
    if promotion.role(job):
        lines += [f"GOOGLE_OAUTH_ACCESS_TOKEN=$({_ACCESS})", "export GOOGLE_OAUTH_ACCESS_TOKEN"]
        said = [*_fetched(to, values), *said] if to else [*said, *_kept(promotion.previewed(job), values)]
    step["script"] = _script([*lines, *said])
    return step


def _script(lines: list[str]) -> str:
    return "#!/usr/bin/env bash\nset -euo pipefail\n" + "".join(line.rstrip("\n") + "\n" for line in lines)


def _environment(job: Job, values: Mapping[str, Any]) -> dict[str, str]:
    known = {
        "COMMIT": "$COMMIT_SHA",
        "TAG": "$TAG_NAME",
        "REGISTRY": registry(values),
        "REGISTRY_USER": "oauth2accesstoken",
        "UV_PUBLISH_URL": python_registry(values),
        "UV_PUBLISH_USERNAME": "oauth2accesstoken",
    }
    named = (*(["COMMIT"] if promotion.role(job) else []), *job.environment)
    given = {name: known[name] for name in named if name in known}
    return given | (images.ENVIRONMENT if "images" in job.uses else {})
