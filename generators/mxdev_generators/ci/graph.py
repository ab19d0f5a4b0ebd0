"""The job graph: which jobs there are, what they run, when, and after what. Plain data, the same for every CI.

Commands are POSIX shell, one a line, and the same everywhere; what differs from one CI to another (where a token comes
from, what the commit is called) arrives as environment variables with the same names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Event = Literal["review", "push", "tag", "schedule", "manual"]
"""A merge or pull request, a push to the default branch, a tag `v...`, a schedule, or a person who starts the pipeline."""

EVENTS: tuple[Event, ...] = ("review", "push", "tag", "schedule", "manual")
REPORTS = "build/reports"
SITE = "docs/_build/html"
UV_VERSION = "0.13.8"
PYTEST_COV = "pytest-cov>=6,<8"

# What a job needs beyond the code; each is a way in which a renderer prepares it.
Need = Literal["mx", "project", "images", "packages", "cluster"]


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        name: lower case, with dashes.
        title: for people.
        events: when it runs.
        after: the jobs that must have succeeded before.
        minutes: after so long it is stopped.
        prepare: commands that set the machine up; a person has done that once.
        commands: what it is about: what a person calls, too.
        again: the one command that does the same on a person's machine.
        environment: the variables that it reads, of those that a CI provides.
        uses: what the renderer has to provide beside the code.
        results: paths that are kept, or that a later job takes.
    """

    name: str
    title: str
    events: tuple[Event, ...]
    after: tuple[str, ...]
    minutes: int
    prepare: tuple[str, ...]
    commands: tuple[str, ...]
    again: str
    environment: tuple[str, ...] = ()
    uses: tuple[Need, ...] = ()
    results: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What the graph depends on.

    Attributes:
        name: the project's name.
        package: its import package.
        cloud: "gcp" or "existing".
        location: the cluster's zone or region.
        project_id: the Google Cloud project.
        lint_report: the format in which `mx lint` reports to this CI.
        release: whether packages go to the CI's releases instead of an index.
        schedule: whether a schedule exists.
    """

    name: str
    package: str
    cloud: str
    location: str
    project_id: str
    lint_report: str
    release: bool
    schedule: bool


MX = ('uv tool install --quiet "$MX_REQUIREMENT"', 'PATH="$(uv tool dir --bin):$PATH"')
PROJECT = (
    "uv venv --quiet --allow-existing .venv",
    "test ! -f requirements.lock || export UV_CONSTRAINT=requirements.lock",
    f"uv pip install --quiet --python .venv --editable '.[dev]' '{PYTEST_COV}'",
)
LOGIN = (
    'printf "%s" "$REGISTRY_PASSWORD" | '
    'buildah login --username "$REGISTRY_USER" --password-stdin "${REGISTRY%%/*}"'
)
_RIGHT_VERSION = (
    'test "v$(uv version --short)" = "$TAG" || { echo "The tag $TAG is not v$(uv version --short), '
    'the version in pyproject.toml." >&2; exit 1; }'
)


def jobs(facts: Facts) -> tuple[Job, ...]:
    """Every job, each after those that it waits for."""
    always: tuple[Event, ...] = ("review", "push", "tag", "schedule", "manual")
    changes: tuple[Event, ...] = ("review", "push", "tag")
    builds: tuple[Event, ...] = ("push", "tag", "schedule", "manual")
    every = (
        Job("lint", "Lint", always, (), 15, MX, _lint(facts), "mx lint", uses=("mx",), results=(REPORTS,)),
        Job("test", "Test", always, (), 45, PROJECT, _test(facts), "pytest", uses=("project",), results=(REPORTS,)),
        Job("docs", "Documentation", changes, (), 30, (*MX, *PROJECT), ("mx build docs",), "mx build docs",
            uses=("mx", "project"), results=(SITE,)),
        Job("package", "Package", changes, (), 15, MX, ("mx build package",), "mx build package",
            uses=("mx",), results=("dist",)),
        # An access token for the registry lives an hour; a build that took longer could not be pushed.
        Job("image-base", "Base image", builds, (), 60, (*MX, LOGIN), (_image("base"),), "mx build image base",
            ("REGISTRY", "REGISTRY_USER", "REGISTRY_PASSWORD"), ("mx", "images")),
        Job("image-run", "Run image", builds, ("lint", "test", "image-base"), 30, (*MX, LOGIN),
            (_image("run") + ' --commit "$COMMIT"',), "mx build image run",
            ("COMMIT", "REGISTRY", "REGISTRY_USER", "REGISTRY_PASSWORD"), ("mx", "images")),
        Job("publish-docs", "Publish documentation", ("push",), ("docs",), 15, (), (), "mx build docs"),
        _publish(facts),
        _train(facts),
    )  # fmt: skip
    return tuple(_scheduled(job, facts.schedule) for job in every)


def _scheduled(job: Job, schedule: bool) -> Job:
    return (
        job if schedule else replace(job, events=tuple(event for event in job.events if event != "schedule"))
    )


def _lint(facts: Facts) -> tuple[str, ...]:
    # The report is silent about where and why; whoever reads the log of a red job wants the text.
    report = f"{REPORTS}/lint.{'sarif' if facts.lint_report == 'sarif' else 'json'}"
    return (
        f"mkdir -p {REPORTS}",
        f"mx lint --format {facts.lint_report} > {report} || {{ mx lint; exit 1; }}",
    )


def _test(facts: Facts) -> tuple[str, ...]:
    return (
        f".venv/bin/python -m pytest --cov={facts.package} --cov-report=term"
        f" --cov-report=xml:{REPORTS}/coverage.xml --junitxml={REPORTS}/junit.xml",
    )


def _image(target: str) -> str:
    return f'mx build image {target} --tool buildah --registry "$REGISTRY" --push'


def _publish(facts: Facts) -> Job:
    if facts.release:
        # Whoever made the tag by publishing a release has that release already.
        commands: tuple[str, ...] = (
            _RIGHT_VERSION,
            'gh release view "$TAG" > /dev/null || gh release create "$TAG" --verify-tag --generate-notes',
            'gh release upload "$TAG" dist/*',
        )
        again = "mx build package"
        needed: tuple[str, ...] = ("TAG", "GH_TOKEN")
    else:
        commands = (_RIGHT_VERSION, "uv publish dist/*")
        again = "mx build package && uv publish --dry-run"
        needed = ("TAG", "UV_PUBLISH_URL", "UV_PUBLISH_USERNAME", "UV_PUBLISH_PASSWORD")
    return Job("publish-package", "Publish package", ("tag",), ("lint", "test", "package"), 15, (), commands,
               again, needed, ("packages",))  # fmt: skip


def _train(facts: Facts) -> Job:
    events: tuple[Event, ...] = ("tag", "schedule", "manual")
    if facts.cloud != "gcp":
        return Job("train", "Train", events, ("image-run",), 360, MX, ("mx flow run --setup",), "mx flow run --setup",
                   ("MLFLOW_TRACKING_URI",), ("mx",), (".mlflow",))  # fmt: skip
    job = 'train-$(printf %.12s "$COMMIT")-$(date +%s)'
    credentials = (
        f"gcloud container clusters get-credentials {facts.name} --location {facts.location}"
        f" --project {facts.project_id} --dns-endpoint"
    )
    container = "/spec/template/spec/containers/0"
    patch = f"""\
cat > /tmp/train-patch.yaml << END
- {{op: replace, path: /metadata/name, value: $JOB}}
- {{op: replace, path: {container}/name, value: train}}
- {{op: replace, path: {container}/image, value: $REGISTRY/run:$COMMIT}}
- {{op: replace, path: {container}/command, value: [python, -m, {facts.package}.trainer]}}
- op: add
  path: {container}/env/-
  value: {{name: MLFLOW_TRACKING_URI, value: "http://mlflow.{facts.name}.svc.cluster.local:5000"}}
END
"""
    # Whoever reads the log of a red job wants to know what the cluster says: no GPU left, no image, no quota.
    describe = f"kubectl --namespace {facts.name} describe"
    wait = f"kubectl --namespace {facts.name} wait "
    commands = (
        credentials,
        f'JOB="{job}"',
        f"""trap '{describe} "job/$JOB"; {describe} pods --selector "job-name=$JOB"' ERR""",
        patch,
        "kubectl patch --local --filename infrastructure/kubernetes/train_job.yaml --type json"
        " --patch-file /tmp/train-patch.yaml --output yaml | kubectl create --filename -",
        f'kubectl --namespace {facts.name} logs --follow --pod-running-timeout=30m "job/$JOB"',
        # Its end, whichever; then which.
        wait + "--for=jsonpath='{.status.conditions}' --timeout=120s \"job/$JOB\"",
        wait + '--for=condition=complete --timeout=20s "job/$JOB"',
    )
    return Job("train", "Train", events, ("image-run",), 360, (), commands, "mx flow run --backend kubernetes",
               ("COMMIT", "REGISTRY"), ("cluster",))  # fmt: skip
