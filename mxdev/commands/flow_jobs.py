"""`mx flow status`, `mx flow logs`, `mx flow cancel`: jobs on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mxdev.flow.jobs import Jobs


def _somewhere(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where the jobs are."""
    command = click.option(
        "--namespace", metavar="NAME", help="Where the jobs are; by default what the job's templates say."
    )(command)
    return click.option(
        "--context", metavar="NAME", help="The cluster, as kubectl knows it; by default its current context."
    )(command)


def _jobs(context: str | None, namespace: str | None) -> Jobs:
    from mxdev.flow.jobs import Jobs
    from mxdev.project import Project, project_root

    root = project_root()
    name = str(Project.load(root).options.get("name") or root.name)
    return Jobs(root, name, context, namespace, os.environ)


@click.command("status")
@click.argument("run", required=False)
@_somewhere
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(run: str | None, context: str | None, namespace: str | None, as_json: bool) -> int:
    """Show the project's jobs on the cluster.

    With RUN only its job, with all replicas. RUN is the id of a run of MLflow, or the beginning of one. A run that nobody has closed although its job is over
    (training was killed, a node was lost, the job was deleted) is closed.
    """
    from mxdev.flow import job_commands

    return job_commands.status(_jobs(context, namespace), run, as_json=as_json)


@click.command("logs")
@click.argument("run")
@click.option("-f", "--follow", is_flag=True, help="Go on until the job ends; ^C leaves the job alone.")
@_somewhere
def logs(run: str, follow: bool, context: str | None, namespace: str | None) -> int:
    """Print the logs of the job of RUN.

    They are those of all its replicas, each line with the replica's name in front. With --follow the exit code is 0 if the job succeeded and 1 if not.
    """
    from mxdev.flow import job_commands

    return job_commands.logs(_jobs(context, namespace), run, follow=follow)


@click.command("cancel")
@click.argument("run")
@_somewhere
def cancel(run: str, context: str | None, namespace: str | None) -> int:
    """Cancel the job of RUN on the cluster.

    The job is deleted, its pods end, and the run is closed as KILLED. A job that has ended already is left alone.
    """
    from mxdev.flow import job_commands

    return job_commands.cancel(_jobs(context, namespace), run)


COMMANDS = (status, logs, cancel)
