"""The job graph: which jobs there are, what they run, when, and after what. Plain data, the same for every CI."""

from __future__ import annotations

from dataclasses import replace

from mxdev_generators.ci import promotion, terraform, training
from mxdev_generators.ci.model import MX, REPORTS, SITE, Event, Facts, Job

PYTEST_COV = "pytest-cov>=6,<8"
PROJECT = (
    "uv venv --quiet --allow-existing .venv",
    "test ! -f requirements.lock || export UV_CONSTRAINT=requirements.lock",
    f"uv pip install --quiet --python .venv --editable '.[dev]' '{PYTEST_COV}'",
)
LOGIN = (
    'printf "%s" "$REGISTRY_PASSWORD" | '
    'docker login --username "$REGISTRY_USER" --password-stdin "${REGISTRY%%/*}"'
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
        *terraform.jobs(facts),
        # An access token for the registry lives an hour; a build that took longer could not be pushed.
        Job("image-base", "Base image", builds, (), 60, (*MX, LOGIN), (_image("base"),), "mx build image base",
            ("REGISTRY", "REGISTRY_USER", "REGISTRY_PASSWORD"), ("mx", "images")),
        Job("image-run", "Run image", builds, ("lint", "test", "image-base"), 30, (*MX, LOGIN),
            (_image("run") + ' --commit "$COMMIT"',), "mx build image run",
            ("COMMIT", "REGISTRY", "REGISTRY_USER", "REGISTRY_PASSWORD"), ("mx", "images")),
        Job("publish-docs", "Publish documentation", ("push",), ("docs",), 15, (), (), "mx build docs"),
        _publish(facts),
        training.job(facts),
        *promotion.jobs(facts),
    )  # fmt: skip
    return tuple(
        _scheduled(job, facts.schedule) for job in every if facts.publish_docs or job.name != "publish-docs"
    )


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
    return f'mx build image {target} --tool docker --registry "$REGISTRY" --push'


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
