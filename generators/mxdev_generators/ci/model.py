"""What a job is, and what it depends on: the same for every CI.

Commands are POSIX shell, one a line, and the same everywhere; what differs from one CI to another (where a token comes
from, what the commit is called) arrives as environment variables with the same names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mxdev_generators.images.table import table

Event = Literal["review", "push", "tag", "schedule", "manual"]
"""A merge or pull request, a push to the default branch, a tag `v...`, a schedule, or a person who starts the pipeline."""

EVENTS: tuple[Event, ...] = ("review", "push", "tag", "schedule", "manual")
REPORTS = "build/reports"
SITE = "docs/_build/html"
UV_VERSION = table()["uv"].tag

# What a job needs beyond the code; each is a way in which a renderer prepares it.
Need = Literal["mx", "project", "images", "packages", "cluster", "infrastructure"]


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
        publish_docs: whether documentation goes where others can read it.
        watch_minutes: for how long a training that was started is watched.
        terraform: "check", or "apply": whether Terraform is also planned and applied.
        environments: what a commit is promoted through, in order.
    """

    name: str
    package: str
    cloud: str
    location: str
    project_id: str
    lint_report: str
    release: bool
    schedule: bool
    publish_docs: bool
    watch_minutes: int
    terraform: str
    environments: tuple[str, ...] = ()


MX = ('uv tool install --quiet "$MX_REQUIREMENT"', 'PATH="$(uv tool dir --bin):$PATH"')
"""How mx is installed, for the job that it is installed in."""
