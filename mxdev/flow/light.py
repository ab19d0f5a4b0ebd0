"""`mx flow accept` and `mx flow sweep`: short ways to run the entry points that `Acceptance` and `Sweep` render."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import click

from mxdev.flow import completion
from mxdev.steps.options import ENVIRONMENT

_ACCEPT = "accept"
# What the entry point of a search is known by, whatever it is called.
_SEARCH = ("trials", "at_once")
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


@click.command("accept")
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
        told.append(f"reason={_quoted(reason)}")
    return _run(root, _ACCEPT, told, where)


@click.command("sweep")
@click.argument("name", required=False, shell_complete=completion.entry_points)
@click.option("--trials", type=click.IntRange(1), help="How many trainings; by default what MLproject says.")
@click.option(
    "--at-once", type=click.IntRange(1), help="How many of them at a time; by default what MLproject says."
)
@_somewhere
def sweep(name: str | None, trials: int | None, at_once: int | None, **where: Any) -> int:
    """Search for better values of the configuration, for projects with `Sweep`.

    NAME is the search; where the project has one only, it is that. conf/NAME.yaml says what is searched. `mx flow resume RUN_ID` goes on with a
    search that was interrupted.
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
    return _run(root, name, [f"{key}={value}" for key, value in given.items() if value is not None], where)


def _quoted(text: str) -> str:
    """Free text as Hydra reads it.

    Raises:
        UsageProblem: it has what Hydra takes for something else, or is no line of text.
    """
    from mxdev.errors import UsageProblem

    if not text.isprintable() or "\\" in text or "${" in text:
        raise UsageProblem("--reason is one line of text without backslashes and without ${.")
    escaped = text.replace("'", "\\'")
    return f"'{escaped}'"


def _run(root: Any, entry: str, told: list[str], where: dict[str, Any]) -> int:
    from mxdev.connect import target
    from mxdev.flow.cluster.options import LOCAL, Options
    from mxdev.flow.runner import RunRequest, run
    from mxdev.project.project import Project

    cluster = {key: where[key] for key in ("backend", "context", "detach", "environment")}
    if cluster["backend"] != LOCAL:
        cluster["context"] = target.context(root, cluster["context"], cluster["environment"])
        cluster["namespace"] = target.namespace(root, None, cluster["environment"])
    request = RunRequest(
        entry=entry,
        passed_on=told,
        python=where["python"],
        dry_run=where["dry_run"],
        as_json=where["as_json"],
        cluster=Options(**cluster),
    )
    name = str(Project.load(root).options.get("name") or root.name)
    return run(root, name, request, os.environ)
