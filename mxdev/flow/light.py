"""`mx flow accept` and `mx flow sweep`: short ways to run the entry points that `Acceptance` and `Sweep` render."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mxdev.flow import completion
from mxdev.steps.options import ENVIRONMENT

if TYPE_CHECKING:
    from mxdev.flow.cluster.options import Options

_ACCEPT = "accept"
# What the entry point of a search is known by, whatever it is called.
_SEARCH = ("trials", "at_once")
# What is said of this machine, and not of the cluster.
_HERE = ("python", "dry_run", "as_json")
# A version's number is shorter than what anybody types of a run's id.
_VERSION = re.compile(r"[0-9]{1,5}")


def _somewhere(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where and how it runs; all others are those of `mx flow run -e`."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object with the run's id."),
        click.option(
            "--dry-run",
            "--pretend",
            "dry_run",
            is_flag=True,
            help="Print the command, or the manifest of the job; run nothing of the project.",
        ),
        click.option("--python", metavar="PYTHON", help="The interpreter to run in."),
        click.option("--detach", is_flag=True, help="On a cluster: do not wait for the job."),
        click.option("--context", metavar="NAME", help="On a cluster: which one, as kubectl knows it."),
        ENVIRONMENT,
        click.option(
            "-b",
            "--backend",
            type=click.Choice(["local", "kubernetes"]),
            default="local",
            show_default=True,
            help="Where to run: here, or as a Job on a cluster, with the image of the commit.",
        ),
    ):
        command = option(command)
    return command


@click.command("accept", short_help="Accept a trained model, or refuse it.")
@click.argument("version", metavar="[RUN|VERSION]", required=False, shell_complete=completion.runs)
@click.option("--refuse", is_flag=True, help="Refuse it instead.")
@click.option("--back", is_flag=True, help="Go back to the version that was accepted before.")
@click.option("--reason", metavar="TEXT", default="", help="Why; it is noted with the version.")
@_somewhere
def accept(version: str | None, refuse: bool, back: bool, reason: str, **where: Any) -> int:
    """Accept a trained model, whatever its numbers are: a person's decision, for projects with `Acceptance`.

    VERSION is the number of a version of the registered model, RUN the id of the run that registered one, or the beginning of it;
    without either it is the candidate. The version gets the alias of the accepted one, and the one before it the alias
    `previous`. What was decided, why, and what was measured is in tags of the version. With -E it is the registry of that environment.
    """
    from mxdev.environment import hydra_words
    from mxdev.errors import UsageProblem
    from mxdev.flow import tracking
    from mxdev.flow.declared import mlproject
    from mxdev.flow.local import runs as local_runs
    from mxdev.project.project import project_root

    root = project_root()
    if _ACCEPT not in mlproject.read(root).entry_points:
        raise UsageProblem(
            f"the project has no entry point `{_ACCEPT}`, so nothing says what accepting a model means.",
            hint="`mx generate Acceptance` adds it.",
        )
    if back and (refuse or version):
        raise UsageProblem(
            "--back goes from the accepted version to the one before it; leave out RUN or VERSION, and --refuse."
        )
    told = [f"decide={'back' if back else 'no' if refuse else 'yes'}"]
    if version and not _VERSION.fullmatch(version):
        whole = local_runs.whole_id(
            root, tracking.store(root, os.environ, where["environment"]), version, os.environ
        )
        if not re.fullmatch(r"[0-9a-f]{32}", whole):
            raise UsageProblem(f"{version} is neither the number of a version nor the id of a run.")
        version = whole
    if version:
        told.append(f"version='{version}'")
    if reason:
        told.append(f"reason={hydra_words.quoted(reason, '--reason')}")
    return _run(root, _ACCEPT, told, where)


@click.command("sweep", short_help="Search for better values of the configuration.")
@click.argument("name", required=False, shell_complete=completion.entry_points)
@click.option("--trials", type=click.IntRange(1), help="How many trainings; by default what MLproject says.")
@click.option(
    "--at-once", type=click.IntRange(1), help="How many of them at a time; by default what MLproject says."
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="On a cluster: each trial as a Job of its own, so many of them at a time. This machine says what is tried next.",
)
@click.option(
    "--image", metavar="IMAGE", help="On a cluster: the image to run; by default the run image of the commit."
)
@click.option("--build", is_flag=True, help="On a cluster: first build and push the run image of the commit.")
@click.option("--namespace", metavar="NAME", help="On a cluster: where to run.")
@click.option(
    "--queue", metavar="NAME", help="On a cluster with Kueue: the queue in which jobs wait for their turn."
)
@click.option(
    "--cluster-tracking-uri",
    "tracking_uri",
    metavar="URI",
    help="On a cluster: where pods find the tracking server; by default as for `mx flow run`.",
)
@_somewhere
def sweep(name: str | None, trials: int | None, at_once: int | None, jobs: int | None, **where: Any) -> int:
    """Search for better values of the configuration, for projects with `Sweep`.

    NAME is the search; where the project has one only, it is that. conf/NAME.yaml says what is searched. `mx flow resume RUN_ID` goes on with a
    search that was interrupted.

    With --backend kubernetes the search is one Job, and its trials are processes in it. With --jobs too, the search runs here and its
    trials are Jobs, side by side on as many machines as the cluster has for them; when this machine stops, those go on, and
    `mx flow resume` finds them.
    """
    from mxdev.errors import UsageProblem
    from mxdev.flow.declared import mlproject
    from mxdev.project.project import project_root

    root = project_root()
    points = mlproject.read(root).entry_points
    searches = [one for one, point in points.items() if all(key in point.parameters for key in _SEARCH)]
    if name is None and len(searches) == 1:
        name = searches[0]
    if name is None or name not in searches:
        what = f"the project has no search `{name}`" if name else "the project has no search"
        if searches and name is None:
            what = f"the project has several searches: {', '.join(searches)}"
        hint = f"It has: {', '.join(searches)}." if searches else "`mx generate Sweep search` adds one."
        raise UsageProblem(f"{what}.", hint="Say which." if searches and name is None else hint)
    given = {"trials": trials, "at_once": at_once}
    if jobs is not None:
        given["at_once"] = jobs
        _check_jobs(root, jobs, at_once, where)
    told = [f"{key}={value}" for key, value in given.items() if value is not None]
    return _run(root, name, told, where, of_trials=jobs is not None)


def _check_jobs(root: Path, jobs: int, at_once: int | None, where: dict[str, Any]) -> None:
    from mxdev.flow.cluster import trials

    options = _cluster(where)
    trials.check(options, at_once)
    trials.check_pool(root, jobs, options.environment)


def _cluster(where: dict[str, Any]) -> Options:
    """What the command line says of the cluster."""
    from mxdev.flow.cluster.options import Options

    return Options(**{key: value for key, value in where.items() if key not in _HERE})


def _run(root: Path, entry: str, told: list[str], where: dict[str, Any], *, of_trials: bool = False) -> int:
    """Run the entry point; with `of_trials` here, and what is said of the cluster is for its trials."""
    from mxdev.connect import target
    from mxdev.flow.cluster.options import LOCAL, Options
    from mxdev.flow.runner import RunRequest, run
    from mxdev.project.project import Project

    cluster = _cluster(where)
    if cluster.backend != LOCAL:
        cluster = replace(
            cluster,
            context=target.context(root, cluster.context, cluster.environment),
            namespace=target.namespace(root, cluster.namespace, cluster.environment),
        )
    request = RunRequest(
        entry=entry,
        passed_on=told,
        python=where["python"],
        dry_run=where["dry_run"],
        as_json=where["as_json"],
        cluster=Options() if of_trials else cluster,
        trials=cluster if of_trials else None,
    )
    name = str(Project.load(root).options.get("name") or root.name)
    return run(root, name, request, os.environ)
