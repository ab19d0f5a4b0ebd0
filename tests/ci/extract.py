"""Reads the job graph back from what each CI gets, and says where two of them differ.

Nothing here knows the description that they were rendered from: what an event, a commit or a registry is called in each
CI is written down a second time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mxdev.testing import contents
from mxdev.workflow.render import Run

# A shell line by which a CI makes up for what another one brings along.
PLATFORM = re.compile(
    r"#!|set -euo|command -v uv|pip install|apt-get |printf \"%s\" \"\$GCP_ID_TOKEN\"|"
    r"FEDERATED=|GOOGLE_TOKEN=|export GOOGLE_OAUTH|REGISTRY_PASSWORD=|UV_PUBLISH_PASSWORD=|export UV_PUBLISH_PASSWORD$|REGISTRY=\"ghcr|"
    r'PATH="\$HOME/.local/bin|docker buildx create |chmod --recursive go-w \.$|'
    r'KUBECONFIG_DATA=|test -n "\$KUBECONFIG_DATA" '
)
AGAIN = "echo 'The same on your machine: "
# What only one CI has to be told: how a BuildKit that is not part of Docker makes plain images; as whom it goes to Google.
OWN = {"BUILDX_NO_DEFAULT_ATTESTATIONS", "GOOGLE_ACCOUNT", "GOOGLE_PROVIDER"}
MEANINGS = {
    "$CI_COMMIT_SHA": "commit", "${{ github.sha }}": "commit", "$COMMIT_SHA": "commit",
    "$CI_COMMIT_TAG": "tag", "${{ github.ref_name }}": "tag", "$TAG_NAME": "tag",
}  # fmt: skip
GITLAB_RULES = {
    '$CI_PIPELINE_SOURCE == "merge_request_event"': "review",
    '$CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_BRANCH == "BRANCH"': "push",
    '$CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_TAG =~ /^v[0-9]/': "tag",
    '$CI_PIPELINE_SOURCE == "schedule"': "schedule",
    '$CI_PIPELINE_SOURCE == "web"': "manual",
}
# What must be set up before a job can get anywhere; until then it does not run.
GUARD = re.compile(
    r" && (?:\$GCP_WORKLOAD_IDENTITY_PROVIDER|\$KUBECONFIG_FILE|vars\.GCP_WORKLOAD_IDENTITY_PROVIDER != '')$"
)
# What else keeps a job from running: a fork's pull request has no token, and without changes there is nothing to apply.
OTHERWISE = re.compile(
    r" && (?:!github\.event\.pull_request\.head\.repo\.fork|needs\.terraform-plan\.outputs\.changes == 'true')$"
)
# Looks at, or ends, a training that its job has left: GitLab's own affair, as is the workflow that does it on GitHub.
LATER = re.compile(r"mx-train-(?:result-\d+h|cancel)")
KINDS = {"review": {"review"}, "push": {"push"}, "tag": {"tag"}, "train": {"schedule", "manual"}}


def _without_names(rule: str) -> str:
    """The condition of a job on GitLab, without what it waits for and which branch it names."""
    return re.sub(r'CI_COMMIT_BRANCH == "[^"]+"', 'CI_COMMIT_BRANCH == "BRANCH"', GUARD.sub("", rule))


@dataclass
class Found:
    """A job as a CI would run it."""

    events: set[str] = field(default_factory=set)
    after: set[str] = field(default_factory=set)
    minutes: int = 0
    prepare: set[str] = field(default_factory=set)
    commands: str = ""
    again: str = ""
    environment: dict[str, str] = field(default_factory=dict)


Graph = dict[str, Found]


def graphs(run: Run) -> dict[str, Graph]:
    """The graph of every CI that `run` rendered."""
    files = {path: data.decode() for path, data in contents(run).items()}
    found = {}
    if ".gitlab/mx.gitlab-ci.yml" in files:
        found["gitlab"] = gitlab(files[".gitlab/mx.gitlab-ci.yml"])
    workflows = {name: text for name, text in files.items() if name.startswith(".github/workflows/")}
    if workflows:
        found["github"] = github(workflows)
    builds = {name: text for name, text in files.items() if name.startswith("infrastructure/cloudbuild/")}
    if builds:
        # A schedule of Cloud Build is made by Terraform.
        terraform = files.get("infrastructure/terraform/cloud_build.tf", "")
        scheduled = re.search(r'"cloud_build_schedule" \{.*?default\s+= "(.*?)"', terraform, re.DOTALL)
        found["cloud build"] = cloud_build(builds, bool(scheduled and scheduled[1]))
    return found


def scripts(project: Path) -> Iterator[tuple[str, str]]:
    """The shell scripts of GitLab's jobs and Cloud Build's steps below `project`, by names for people."""
    for path in project.glob(".gitlab/*.yml"):
        yield from gitlab_scripts(path.read_text())
    for path in sorted(project.glob("infrastructure/cloudbuild/*.yaml")):
        for step in yaml.safe_load(path.read_text())["steps"]:
            yield f"{path.name}: {step['id']}", step["script"]


_NO_JOBS = ("variables", "default", "workflow", "include")


def gitlab_scripts(text: str) -> Iterator[tuple[str, str]]:
    """The scripts of a pipeline's jobs, as GitLab's runner runs them."""
    for name, job in gitlab_jobs(text).items():
        if not isinstance(job, dict) or "script" not in job:
            continue
        commands = ["set -eo pipefail", *job.get("before_script", []), *job["script"]]
        yield name, "\n".join([*commands, ""])
        if "after_script" in job:
            yield f"{name}, afterwards", "\n".join(["set -eo pipefail", *job["after_script"], ""])


def gitlab_jobs(text: str) -> dict[str, dict[str, Any]]:
    """The jobs of a pipeline, each with what it extends."""
    loaded = yaml.safe_load(text)

    def whole(name: str) -> dict[str, Any]:
        job: dict[str, Any] = {}
        own = loaded[name]
        above = own.get("extends", [])
        for base in [above] if isinstance(above, str) else above:
            job = _extended(job, whole(base))
        return _extended(job, {key: value for key, value in own.items() if key != "extends"})

    return {
        name: whole(name)
        for name in loaded
        if not name.startswith(".") and isinstance(loaded[name], dict) and name not in _NO_JOBS
    }


def _extended(job: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What `extends` makes of two jobs: mappings are merged, all else is replaced."""
    found = {**job, **own}
    for key in job.keys() & own.keys():
        if isinstance(job[key], dict) and isinstance(own[key], dict):
            found[key] = _extended(job[key], own[key])
    return found


def gitlab(text: str) -> Graph:
    """From the included file."""
    shared = {
        key: value
        for key, value in yaml.safe_load(text)[".mx-job"]["variables"].items()
        if key in ("MX_REQUIREMENT", "UV_TORCH_BACKEND", "UV_INDEX")
    }
    graph = {}
    for name, job in gitlab_jobs(text).items():
        if LATER.fullmatch(name):
            continue
        commands = [*job.get("before_script", []), *job["script"]]
        lines = [line for command in commands for line in command.splitlines()]
        own = yaml.safe_load(text)[name].get("variables", {})
        graph[name.removeprefix("mx-")] = _found(
            {GITLAB_RULES[_without_names(rule["if"])] for rule in job["rules"]},
            {need["job"].removeprefix("mx-") for need in job["needs"]},
            int(job["timeout"].removesuffix(" minutes")),
            lines,
            shared | own,
        )
    return graph


def github(files: Mapping[str, str]) -> Graph:
    """From the workflows: one has the jobs, and the others call it."""
    loaded = {
        name.rpartition("/")[2]: yaml.safe_load(text.replace("\non:", '\n"on":'))
        for name, text in files.items()
    }
    events: dict[str, set[str]] = {}
    for name in ("mx-ci.yaml", "mx-release.yaml", "mx-train.yaml"):
        (call,) = loaded[name]["jobs"].values()
        assert call["uses"] == "./.github/workflows/mx-jobs.yaml"
        assert "if" not in call
        for event in _github_events(loaded[name]["on"]):
            events.setdefault(_kind(call["with"]["event"], event), set()).add(event)
    jobs = loaded["mx-jobs.yaml"]
    shared = {key: value for key, value in jobs["env"].items() if key != "UV_LINK_MODE"}
    graph = {}
    for name, job in jobs["jobs"].items():
        runs = [step for step in job["steps"] if "run" in step and step["name"] == job["name"]]
        here = {event for kind in kinds(job.get("if", "")) for event in events.get(kind, ())}
        lines = [line for step in runs for line in step["run"].splitlines()]
        environment = shared | {key: value for step in runs for key, value in step.get("env", {}).items()}
        graph[name] = _found(here, set(job.get("needs", [])), job["timeout-minutes"], lines, environment)
    return graph


def _kind(said: str, event: str) -> str:
    """What a caller says that started it."""
    if said.startswith("${{"):
        assert said == "${{ github.event_name == 'pull_request' && 'review' || 'push' }}"
        return "review" if event == "review" else "push"
    assert event in KINDS[said]
    return said


def kinds(condition: str) -> list[str]:
    """For which of them a job runs."""
    own = f" && {condition}"
    for pattern in (OTHERWISE, GUARD):
        own = pattern.sub("", own)
    own = own.removeprefix(" && ")
    if not own:
        return list(KINDS)
    one, several = (
        re.fullmatch(r"inputs\.event == '(\w+)'", own),
        re.fullmatch(r"contains\(fromJSON\('(.*)'\), inputs\.event\)", own),
    )
    if one:
        return [one[1]]
    assert several, condition
    found: list[str] = json.loads(several[1])
    assert set(found) <= set(KINDS)
    return found


def _github_events(on: Mapping[str, Any]) -> set[str]:
    events = set()
    for name, settings in on.items():
        if name == "push":
            events |= {"tag"} if "tags" in settings else set()
            events |= {"push"} if "branches" in settings else set()
        else:
            events.add(
                {"pull_request": "review", "workflow_dispatch": "manual", "schedule": "schedule"}[name]
            )
    return events


def cloud_build(files: Mapping[str, str], scheduled: bool) -> Graph:
    """From the builds; `prepare` is what all of its jobs prepare."""
    graph: Graph = {}
    for path, text in files.items():
        name = path.rpartition("/")[2].removesuffix(".yaml")
        events = {"manual", *(["schedule"] if scheduled else [])} if name == "train" else {name}
        loaded = yaml.safe_load(text)
        prepared, *steps = loaded["steps"]
        assert prepared["id"] == "prepare"
        shared = _pairs(loaded["options"]["env"])
        shared.pop("UV_LINK_MODE")
        before = _lines(prepared["script"])
        for step in steps:
            assert step["waitFor"][0] == "prepare"
            secret = dict.fromkeys(step.get("secretEnv", []), "set")
            environment = shared | _pairs(step.get("env", [])) | secret
            found = _found(
                set(events),
                set(step["waitFor"][1:]),
                int(step["timeout"][:-1]) // 60,
                _lines(step["script"]),
                environment,
            )
            found.prepare |= {line for line in before if not PLATFORM.match(line)}
            _merge(graph, step["id"], found)
    return graph


def _lines(script: str) -> list[str]:
    return script.splitlines()


def _pairs(environment: list[str]) -> dict[str, str]:
    return {key: value for key, _, value in (pair.partition("=") for pair in environment)}


def _merge(graph: Graph, name: str, found: Found) -> None:
    """The same job in another file: there it must be the same but for what starts it."""
    if name not in graph:
        graph[name] = found
        return
    known = graph[name]
    assert (known.commands, known.minutes, known.environment, known.again) == (
        found.commands, found.minutes, found.environment, found.again
    ), name  # fmt: skip
    known.events |= found.events
    known.after |= found.after
    known.prepare |= found.prepare


def _found(
    events: set[str], after: set[str], minutes: int, lines: list[str], environment: Mapping[str, str]
) -> Found:
    at = next((index for index, line in enumerate(lines) if line.startswith(AGAIN)), len(lines))
    meant = {
        name: MEANINGS.get(
            str(value), str(value) if name in ("REGISTRY", "MX_REQUIREMENT", "UV_INDEX") else "set"
        )
        for name, value in environment.items()
        if name not in OWN
    }
    # What a line of the CI's own assigns is there as well as what it declares.
    for line in lines[:at]:
        match = re.match(
            r"(?:export )?((?:REGISTRY|UV_PUBLISH|GOOGLE_(?:OAUTH|TOKEN)|KUBECONFIG_DATA)\w*)=", line
        )
        if match:
            meant.setdefault(match[1], "set")
    if {"REGISTRY_PASSWORD", "GOOGLE_OAUTH_ACCESS_TOKEN"} & meant.keys():
        # Where one CI has it from.
        meant.pop("GOOGLE_TOKEN", None)
    return Found(
        events,
        after,
        minutes,
        {line for line in lines[:at] if not PLATFORM.match(line)},
        "\n".join(line.rstrip("\n") for line in lines[at + 1 :]),
        lines[at].removeprefix(AGAIN).rstrip("'") if at < len(lines) else "",
        meant,
    )


def differences(one: Graph, other: Graph, own: set[str] = frozenset()) -> list[str]:  # type: ignore[assignment]
    """Where two graphs differ, in sentences. The commands of the jobs `own` are each CI's own affair."""
    said = [f"{name} is in one of them only" for name in one.keys() ^ other.keys()]
    for name in one.keys() & other.keys():
        a, b = one[name], other[name]
        for what in ("events", "after", "minutes"):
            if getattr(a, what) != getattr(b, what):
                said.append(f"{name}: {what} {getattr(a, what)} != {getattr(b, what)}")
        if name in own:
            continue
        if a.again != b.again:
            said.append(f"{name}: again {a.again} != {b.again}")
        if _report(a.commands) != _report(b.commands):
            said.append(f"{name}: commands {a.commands} != {b.commands}")
        if a.environment != b.environment:
            said.append(f"{name}: environment {a.environment} != {b.environment}")
        # Where jobs share a machine, what one of them prepares is there for the others.
        if not (a.prepare <= b.prepare or b.prepare <= a.prepare):
            said.append(f"{name}: prepare {a.prepare} != {b.prepare}")
    return said


def _report(commands: str) -> str:
    """Each CI reads findings in another format."""
    return re.sub(
        r"--format (gitlab|sarif) > build/reports/lint\.(json|sarif)", "--format X > REPORT", commands
    )
