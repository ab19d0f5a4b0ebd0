"""The job graph as GitHub Actions understands it (https://docs.github.com/actions/reference/workflow-syntax-for-github-actions).

One workflow has the jobs; three small ones say what starts them, and call it. Only the one for pull requests and the default
branch keeps a cache: a cache that a pull request may have filled must not reach what is released.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev_generators.ci import promotion, terraform
from mxdev_generators.ci.graph import jobs
from mxdev_generators.ci.model import REPORTS, SITE, Event, Job
from mxdev_generators.ci.options import (
    cron,
    environment,
    facts,
    image_registry,
    own_registry,
    python_registry,
)
from mxdev_generators.ci.text import document
from mxdev_generators.github_actions import actions, results
from mxdev_generators.github_actions.actions import Step, with_comments
from mxdev_generators.github_actions.common import (
    PROVIDER,
    RUNNER,
    auth,
    kubeconfig,
    package_login,
    setup_uv,
)
from mxdev_generators.project import package_index

FOLDER = ".github/workflows"
JOBS, CI, RELEASE, TRAIN, RESULT = "mx-jobs", "mx-ci", "mx-release", "mx-train", "mx-train-result"
# What the callers say they were started by, and the events that this stands for.
KINDS: Mapping[str, tuple[Event, ...]] = {
    "review": ("review",),
    "push": ("push",),
    "tag": ("tag",),
    "train": ("schedule", "manual"),
}
_ON_GOOGLE = {"images", "packages", "cluster", "infrastructure"}
_HEADS = {
    JOBS: "The jobs of this project, which the other workflows call.",
    CI: "Every pull request and every commit of the default branch.",
    RELEASE: "A tag v...: publish the package, build the image, train.",
    TRAIN: "By hand, or on the schedule: train the default branch as it is.",
}
_SAME = "The same jobs run in every CI that mx renders."


def render(values: Mapping[str, Any]) -> dict[str, str]:
    """The workflows by their paths."""
    known = facts(
        values, lint_report="sarif", publish_docs=values["publish_docs"], release=values["cloud"] != "gcp"
    )
    graph = jobs(known)
    content: dict[str, dict[str, Any]] = {JOBS: _jobs(graph, values)}
    for name in (CI, RELEASE, TRAIN):
        content[name] = _caller(name, graph, values)
    texts = {name: document(f"{_HEADS[name]} {_SAME}", content[name]) for name in content}
    started_by = (f"{TRAIN}.yaml", f"{RELEASE}.yaml")
    texts[RESULT] = document(results.HEAD, results.workflow(RESULT, started_by, known, values))
    return {
        f"{FOLDER}/{name}.yaml": with_comments(text.replace('\n"on":', "\non:"))
        for name, text in texts.items()
    }


def _jobs(graph: tuple[Job, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    inputs = {
        "event": {"description": "review, push, tag or train", "type": "string", "required": True},
        "cache": {
            "description": "Whether packages are kept for the next time",
            "type": "boolean",
            "default": False,
        },
    }
    secrets = {name: {"required": False} for name in _secrets(values)}
    return {
        "name": JOBS,
        "on": {"workflow_call": {"inputs": inputs, **({"secrets": secrets} if secrets else {})}},
        # Each job asks for what it needs, and gets no more.
        "permissions": {},
        "defaults": {"run": {"shell": "bash"}},
        "env": {**environment(values), **package_login(values)},
        "jobs": {job.name: _job(job, values) for job in graph},
    }


def _caller(name: str, graph: tuple[Job, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    granted: dict[str, str] = {}
    for job in graph:
        for scope, level in _permissions(job, values).items():
            granted[scope] = max(level, granted.get(scope, level))  # "write" comes after "read"
    event = {
        CI: "${{ github.event_name == 'pull_request' && 'review' || 'push' }}",
        RELEASE: "tag",
        TRAIN: "train",
    }[name]
    call: dict[str, Any] = {
        "name": "mx",
        # What the jobs may have at most; each asks for its own part.
        "permissions": dict(sorted(granted.items())),
        "uses": f"./{FOLDER}/{JOBS}.yaml",
        "with": {"event": event, **({"cache": True} if name == CI else {})},
    }
    if secrets := _passed(name, values):
        call["secrets"] = {secret: f"${{{{ secrets.{secret} }}}}" for secret in secrets}
    return {
        "name": name,
        "on": _triggers(name, values),
        "permissions": {},
        "concurrency": _concurrency(name),
        "jobs": {"mx": call},
    }


def _secrets(values: Mapping[str, Any]) -> list[str]:
    """The secrets of the repository that jobs need."""
    packages = list(package_index.login(values))
    if values["cloud"] == "gcp":
        return packages
    return [
        *packages,
        "KUBECONFIG",
        *(["REGISTRY_USER", "REGISTRY_PASSWORD"] if own_registry(values) else []),
    ]


def _passed(name: str, values: Mapping[str, Any]) -> list[str]:
    """The secrets that a caller hands on.

    A called job gets a secret of its environment only under a name that its caller passes: the caller's own value, or nothing where
    the repository has no such secret, gives way to the environment's.
    """
    named = _secrets(values)
    if name == CI and not promotion.names(values):
        return [one for one in named if one != "KUBECONFIG"]
    return named


def _triggers(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    if name == CI:
        return {"pull_request": {}, "push": {"branches": [values["branch"]]}}
    if name == RELEASE:
        return {"push": {"tags": ["v[0-9]*"]}}
    schedule = {"schedule": [{"cron": cron(values)}]} if values["schedule"] else {}
    return {"workflow_dispatch": {}, **schedule}


def _concurrency(name: str) -> dict[str, Any]:
    # A group has one run that waits and drops an older one: every commit, tag and training gets a group of its own, but a
    # push to a pull request makes its older run useless.
    number = "github.event.pull_request.number || " if name == CI else ""
    ends = "${{ github.event_name == 'pull_request' }}" if name == CI else False
    return {"group": f"{name}-${{{{ {number}github.run_id }}}}", "cancel-in-progress": ends}


def _job(job: Job, values: Mapping[str, Any]) -> dict[str, Any]:
    rendered: dict[str, Any] = {"name": job.title}
    condition = _condition(job, values)
    if condition:
        rendered["if"] = condition
    if job.after:
        rendered["needs"] = list(job.after)
    rendered["runs-on"] = RUNNER
    rendered["timeout-minutes"] = job.minutes
    rendered["permissions"] = _permissions(job, values)
    if job.name == "terraform-plan":
        rendered["outputs"] = {"changes": "${{ steps.terraform-plan.outputs.changes }}"}
    if job.name == "terraform-apply":
        rendered["environment"] = terraform.ENVIRONMENT
        rendered["concurrency"] = {"group": "terraform", "cancel-in-progress": False}
    if to := promotion.environment(job):
        rendered["environment"] = to
        rendered["concurrency"] = {"group": f"promote-{to}", "cancel-in-progress": False}
    if job.name == "publish-docs":
        url = "${{ steps.deployment.outputs.page_url }}"
        rendered["environment"] = {"name": "github-pages", "url": url}
        rendered["concurrency"] = {"group": "pages", "cancel-in-progress": False}
        rendered["steps"] = [actions.DEPLOY_PAGES.step(id="deployment")]
        return rendered
    rendered["steps"] = [*_before(job, values), _run(job, values), *_after(job, values)]
    return rendered


def _condition(job: Job, values: Mapping[str, Any]) -> str:
    """When a job runs: for what started the workflow, and only once there is what it needs to get anywhere."""
    kinds = [kind for kind, events in KINDS.items() if set(job.events) & set(events)]
    parts = [] if len(kinds) == len(KINDS) else [_is(*kinds)]
    if _google(job, values):
        parts.append(f"vars.{PROVIDER} != ''")
    if job.name == "terraform-plan":
        # The pull request of a fork gets no token.
        parts.append("!github.event.pull_request.head.repo.fork")
    if job.name == "terraform-apply":
        parts.append("needs.terraform-plan.outputs.changes == 'true'")
    return " && ".join(parts)


def _google(job: Job, values: Mapping[str, Any]) -> bool:
    """Whether a job goes to Google Cloud."""
    return values["cloud"] == "gcp" and bool(_ON_GOOGLE & set(job.uses))


def _is(*kinds: str) -> str:
    if len(kinds) == 1:
        return f"inputs.event == '{kinds[0]}'"
    listed = ", ".join(f'"{kind}"' for kind in kinds)
    return f"contains(fromJSON('[{listed}]'), inputs.event)"


def _permissions(job: Job, values: Mapping[str, Any]) -> dict[str, str]:
    if job.name == "publish-docs":
        return {"pages": "write", "id-token": "write"}
    granted = {"contents": "read"}
    if _google(job, values):
        granted["id-token"] = "write"
    elif "images" in job.uses and not own_registry(values):
        granted["packages"] = "write"
    elif "packages" in job.uses:
        granted["contents"] = "write"
    if job.name == "lint":
        granted["security-events"] = "write"
    if job.name == "terraform-plan":
        granted["pull-requests"] = "write"
    return granted | (results.PERMISSIONS if job.name == "train" else {})


def _before(job: Job, values: Mapping[str, Any]) -> list[Step]:
    steps = [actions.CHECKOUT.step(persist_credentials=False)]
    if {"mx", "project", "packages"} & set(job.uses):
        steps.append(setup_uv(values, cache="${{ inputs.cache }}"))
    if "packages" in job.uses:
        steps.append(actions.DOWNLOAD.step(name="dist", path="dist"))
    if _google(job, values):
        if to := promotion.environment(job):
            own = {"name": f"{values['name']}-{to}", "project_id": _own_project(values)}
            steps.append(auth({**values, **own}, promotion.role(job)))
        else:
            steps.append(auth(values, promotion.role(job)))
    if promotion.role(job) == "apply":
        to = promotion.environment(job)
        steps.append(actions.DOWNLOAD.step(name=promotion.preview(to) if to else "terraform-plan"))
    return steps


def _run(job: Job, values: Mapping[str, Any]) -> Step:
    gcp = values["cloud"] == "gcp"
    own = own_registry(values)
    token = "${{ steps.auth.outputs.access_token }}"  # noqa: S105  (an expression, no token)
    known = {
        "COMMIT": "${{ github.sha }}",
        "TAG": "${{ github.ref_name }}",
        # Names of images are in lower case; GitHub's need not be.
        "REGISTRY": image_registry(values) if gcp else own or None,
        "REGISTRY_USER": "oauth2accesstoken"
        if gcp
        else "${{ secrets.REGISTRY_USER }}"
        if own
        else "${{ github.actor }}",
        "REGISTRY_PASSWORD": token
        if gcp
        else "${{ secrets.REGISTRY_PASSWORD }}"
        if own
        else "${{ github.token }}",
        "UV_PUBLISH_URL": python_registry(values),
        "UV_PUBLISH_USERNAME": "oauth2accesstoken",
        "UV_PUBLISH_PASSWORD": token,
        "GH_TOKEN": "${{ github.token }}",
        "GOOGLE_TOKEN": token,
        "GOOGLE_OAUTH_ACCESS_TOKEN": token,
        "KUBECONFIG_DATA": "${{ secrets.KUBECONFIG }}",
    }
    given = {name: value for name in job.environment if (value := known[name]) is not None}
    if promotion.environment(job) and gcp:
        given["GCP_PROJECT_ID"] = _own_project(values)
    lines = []
    if "REGISTRY" in job.environment and "REGISTRY" not in given:
        lines.append('REGISTRY="ghcr.io/${GITHUB_REPOSITORY,,}"')
    if "cluster" in job.uses and not gcp:
        to = promotion.environment(job)
        where = f"environment {to}" if to else "repository"
        lines += kubeconfig(where, "nothing is promoted" if to else "nothing is trained")
    lines += [*job.prepare, f"echo 'The same on your machine: {job.again}'", *job.commands]
    script = "".join(line.rstrip("\n") + "\n" for line in lines)
    if job.name == "terraform-plan":
        script += 'test "$CODE" = 0 || echo changes=true >> "$GITHUB_OUTPUT"\n'
    # The name by which a later step or job asks how it ended.
    asked = {"id": job.name} if job.name in ("train", "terraform-plan") else {}
    return {**asked, "name": job.title, **({"env": given} if given else {}), "run": script}


def _own_project(values: Mapping[str, Any]) -> str:
    """The Google Cloud project of the environment that a job is in, if that has a variable; else the project's."""
    return f"${{{{ vars.GCP_PROJECT_ID || '{values['project_id']}' }}}}"


def _after(job: Job, values: Mapping[str, Any]) -> list[Step]:
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
        else:
            # Code scanning is for public repositories, and a fork's pull request may not write to it.
            may = (
                f"${{{{ !cancelled() && {_is('review', 'push')} && !github.event.repository.private"
                " && !github.event.pull_request.head.repo.fork }}"
            )
            steps.append(
                actions.UPLOAD_SARIF.step(when=may, sarif_file=f"{REPORTS}/lint.sarif", category="mx-lint")
            )
        return steps
    if job.name == "docs":
        kept = actions.UPLOAD.step(name="docs", path=SITE, if_no_files_found="error")
        return [actions.UPLOAD_PAGES.step(when=_is("push"), path=SITE)] if values["publish_docs"] else [kept]
    if job.name == "package":
        return [actions.UPLOAD.step(name="dist", path="dist", if_no_files_found="error")]
    if job.name == "terraform-plan":
        return _after_plan()
    if promoted := promotion.previewed(job):
        return _after_preview(job, promoted)
    if job.name == "train":
        return results.after_training(f"{RESULT}.yaml")
    return []


def _after_preview(job: Job, environment: str) -> list[Step]:
    """The plan on the summary page, where whoever agrees to the promotion reads it, and for the job that promotes."""
    said, plan = terraform.files(environment)
    # A summary has at most 1 MiB.
    shown = (
        f"{{ echo 'What a promotion to {environment} applies:'; echo '```'; head -c 900000 {said}; echo '```'; }}"
        ' >> "$GITHUB_STEP_SUMMARY"\n'
    )
    return [
        {"name": "Show the plan", "run": shown},
        actions.UPLOAD.step(
            name=job.name, path=f"{plan}\n{said}", if_no_files_found="error", retention_days=7
        ),
    ]


def _after_plan() -> list[Step]:
    """The plan as a comment of the pull request, which a later plan replaces, on the summary page, and for the job that applies."""
    # A comment has at most 65,536 characters.
    written = (
        f"{{ echo 'The plan of Terraform:'; echo '```'; head -c 60000 {terraform.PLAN}; echo '```'; }} > build/plan.md\n"
        'cat build/plan.md >> "$GITHUB_STEP_SUMMARY"\n'
    )
    comment = 'gh pr comment "$NUMBER" --edit-last --create-if-none --body-file build/plan.md\n'
    number = {"GH_TOKEN": "${{ github.token }}", "NUMBER": "${{ github.event.pull_request.number }}"}
    kept = f"{terraform.PLAN_FILE}\n{terraform.PLAN}"
    return [
        {"name": "Show the plan", "run": written},
        {"name": "Say it in the pull request", "if": _is("review"), "env": number, "run": comment},
        actions.UPLOAD.step(
            when=_is("push"), name="terraform-plan", path=kept, if_no_files_found="error", retention_days=7
        ),
    ]
