"""`mx flow`: train through MLflow, look at the runs, and at their jobs on a cluster."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from mxdev.flow import completion
from mxdev.flow.light import accept, sweep
from mxdev.flow.runs import compare_runs, list_runs
from mxdev.steps.options import ENVIRONMENT

if TYPE_CHECKING:
    from mxdev.flow.cluster.jobs import Jobs


class _PassingOn(click.Command):
    """A command that keeps everything after `--` for another program, and says so of what stands before it."""

    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Split at the first `--`; click itself would drop it and mix both halves."""
        if "--" in args:
            at = args.index("--")
            args, ctx.meta["passed_on"] = args[:at], args[at + 1 :]
        left = super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            many = "s" * (len(ctx.args) > 1)
            what = shlex.join(ctx.args)
            if all("=" in word for word in ctx.args):
                way = (
                    f"Values for Hydra, and options of MLflow, stand behind `--`: put `-- {what}` at the end."
                )
            else:
                way = "An entry point is named by `-e NAME`; what is meant for Hydra or MLflow stands behind `--`, at the end."
            raise click.UsageError(f"Got unexpected extra argument{many} ({what}). {way}", ctx)
        return left

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """The usage line says where the other program's arguments go."""
        return [*super().collect_usage_pieces(ctx), "[-- MLFLOW-OPTIONS]"]


@click.group("flow")
def flow() -> None:
    """Train through MLflow, and look at the runs."""


@flow.command("run", cls=_PassingOn)
@click.option(
    "-e",
    "--entry-point",
    "entry",
    metavar="ENTRY",
    shell_complete=completion.entry_points,
    help="Which entry point of MLproject to run; by default trainer, or with --backend distributed the one of that name.",
)
@click.option(
    "-P",
    "parameters",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=completion.parameters,
    help="A parameter of the entry point, or any value of the Hydra configuration by its full name (model.channels=16); repeatable. "
    "run_id takes the beginning of a run's id.",
)
@click.option(
    "--experiment", metavar="NAME", help="The experiment to record in; by default the project's name."
)
@click.option("--run-name", metavar="NAME", help="What the run is called.")
@click.option(
    "--python", metavar="PYTHON", help="The interpreter to run in, or with --setup to make .venv from."
)
@click.option("--setup", is_flag=True, help="First make .venv with the project in it, or complete it.")
@click.option(
    "-b",
    "--backend",
    type=click.Choice(["local", "kubernetes", "distributed"]),
    default="local",
    show_default=True,
    help="Where to run: here, as a Job on a cluster, or there as a job of several replicas.",
)
@click.option(
    "--image", metavar="IMAGE", help="On a cluster: the image to run; by default the run image of the commit."
)
@click.option("--build", is_flag=True, help="On a cluster: first build and push the run image of the commit.")
@click.option(
    "--registry",
    metavar="PREFIX",
    help="On a cluster: what that image's name begins with, as for `mx build image`.",
)
@click.option(
    "--context",
    metavar="NAME",
    help="The cluster, as kubectl knows it; by default that of `mx connect`, else its current context.",
)
@ENVIRONMENT
@click.option(
    "--namespace", metavar="NAME", help="On a cluster: where to run; by default what the job's template says."
)
@click.option(
    "--cluster-tracking-uri",
    "tracking_uri",
    metavar="URI",
    help="On a cluster: where pods find the tracking server; by default $KUBE_MLFLOW_TRACKING_URI, else what this "
    "machine uses, or the server in the cluster where that is an address of this machine.",
)
@click.option(
    "--gpus",
    metavar="NUMBER",
    type=click.IntRange(1, 16384),
    help="On a cluster: how many GPUs all pods together have; the number of pods follows from what one has in the template.",
)
@click.option(
    "--queue", metavar="NAME", help="On a cluster with Kueue: the queue in which the job waits for its turn."
)
@click.option("--detach", is_flag=True, help="On a cluster: do not wait for the job; see `mx flow status`.")
@click.option(
    "--dry-run",
    "--pretend",
    "dry_run",
    is_flag=True,
    help="Print the command and its environment, or the manifest of the job, for which the environment's MLflow is asked; "
    "run nothing of the project.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object with the run's id; what training prints goes to stderr.",
)
@click.pass_context
def run(
    ctx: click.Context,
    /,
    entry: str | None,
    parameters: tuple[str, ...],
    experiment: str | None,
    run_name: str | None,
    python: str | None,
    setup: bool,
    dry_run: bool,
    as_json: bool,
    **cluster: Any,
) -> int:
    """Train: run an entry point of the project with MLflow.

    It runs in the interpreter that --python names, else in the project's .venv, else in the active environment if that
    has the project installed. Runs are recorded where MLFLOW_TRACKING_URI says, else where `mx flow connect` leads, else
    in .mlflow/ in the project; `mx flow ui` shows them. What stands after `--` as name=value goes to
    Hydra, the rest to `mlflow run` as it is. The code of the
    project runs with your rights.

    With --backend kubernetes or distributed it runs on a cluster, as the job that train_job.yaml or distributed_job.yaml
    in infrastructure/kubernetes describes: mx submits it, follows its logs to the end, and cancels it on ^C.

    With -E it is recorded by the tracking server of that environment, and runs, if on a cluster, in that environment's cluster and namespace,
    as the job that the environment has of the template.
    """
    from mxdev.connect import target
    from mxdev.flow.cluster.options import LOCAL, Options
    from mxdev.flow.runner import RunRequest
    from mxdev.flow.runner import run as run_flow
    from mxdev.project.project import Project, project_root

    root = project_root()
    name = str(Project.load(root).options.get("name") or root.name)
    if cluster["backend"] != LOCAL:
        cluster["context"] = target.context(root, cluster["context"], cluster["environment"])
        cluster["namespace"] = target.namespace(root, cluster["namespace"], cluster["environment"])
    request = RunRequest(
        entry=entry,
        parameters=parameters,
        passed_on=tuple(ctx.meta.get("passed_on", ())),
        experiment=experiment,
        run_name=run_name,
        python=python,
        setup=setup,
        dry_run=dry_run,
        as_json=as_json,
        cluster=Options(**cluster),
    )
    return run_flow(root, name, request, os.environ)


@flow.command("ui", short_help="Open MLflow's UI on the runs.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="The port to listen on; by default 5000, or the next one that is free.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--python", metavar="PYTHON", help="The interpreter that has MLflow.")
@ENVIRONMENT
def ui(port: int | None, host: str, python: str | None, environment: str | None) -> int:
    """Open MLflow's UI on the project's runs, in the browser where there is one; ^C ends it.

    No code of the project runs. MLflow is taken from the interpreter that --python names, else from the project's .venv if
    that is yours and did not come with the project, else from the active environment.
    """
    from mxdev.flow.ui import serve
    from mxdev.project.project import project_root

    return serve(
        project_root(), host=host, port=port, python=python, environ=os.environ, environment=environment
    )


@flow.command("connect")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=5000,
    show_default=True,
    help="The port on this machine.",
)
@click.option(
    "--context",
    metavar="NAME",
    help="The cluster, as kubectl knows it; by default that of `mx connect`, else its current context.",
)
@click.option(
    "--namespace",
    metavar="NAME",
    help="Where the tracking server runs; by default where the project's training jobs do.",
)
@ENVIRONMENT
def connect(port: int, context: str | None, namespace: str | None, environment: str | None) -> int:
    """Reach the cluster's tracking server at 127.0.0.1; ^C ends it.

    While it runs, `mx flow run` records there and `mx flow ui` prints its address, unless MLFLOW_TRACKING_URI says
    otherwise. It stays up when the server's pod is replaced or the network goes away for a while. With -E it is the tracking server of
    that environment, which the commands of `mx flow` with the same -E use; several may be connected at once, each on a port of its own.
    """
    from mxdev.connect import target
    from mxdev.flow.connection import connect as keep_connected
    from mxdev.project.project import project_root

    root = project_root()
    return keep_connected(
        root,
        port=port,
        context=target.context(root, context, environment),
        namespace=target.namespace(root, namespace, environment),
        environment=environment,
    )


@flow.command("rerun", short_help="Repeat a run, and see where it differs.")
@click.argument("run_id", shell_complete=completion.runs)
@click.option(
    "--backend",
    type=click.Choice(["local", "kubernetes", "distributed"]),
    help="Where to run it; by default as it was.",
)
@click.option(
    "--context", metavar="NAME", help="On a cluster: which one, as kubectl knows it; by default as it was."
)
@ENVIRONMENT
@click.option("--python", metavar="PYTHON", help="The interpreter to run in.")
@click.option(
    "--dry-run",
    "--pretend",
    "dry_run",
    is_flag=True,
    help="Check that it can be repeated, and print the command; run nothing.",
)
def rerun(**asked: Any) -> int:
    """Repeat the run RUN_ID from what it logged, and say where the new one differs.

    Its commit, with the changes that were not committed, is checked out into a scratch folder; your own files are not
    touched. The new run is recorded beside the old one. RUN_ID may be the beginning of an id. With -E it is a run of that environment.
    """
    from mxdev.flow.rerun.rerun import RerunRequest
    from mxdev.flow.rerun.rerun import rerun as repeat
    from mxdev.project.project import Project, project_root

    root = project_root()
    name = str(Project.load(root).options.get("name") or root.name)
    return repeat(root, name, RerunRequest(**asked), os.environ)


@flow.command("resume", short_help="Let an interrupted run go on.")
@click.argument("run_id", shell_complete=completion.runs)
@click.option(
    "--context", metavar="NAME", help="On a cluster: which one, as kubectl knows it; by default as it was."
)
@click.option(
    "--cluster-tracking-uri",
    "tracking_uri",
    metavar="URI",
    help="On a cluster: where pods find the tracking server; by default as for `mx flow run`.",
)
@ENVIRONMENT
@click.option("--python", metavar="PYTHON", help="The interpreter to run in.")
@click.option("--detach", is_flag=True, help="On a cluster: do not wait for the job; see `mx flow status`.")
@click.option(
    "--force", is_flag=True, help="Also a run of this machine that says it is running: its process is gone."
)
@click.option(
    "--dry-run",
    "--pretend",
    "dry_run",
    is_flag=True,
    help="Check that it can go on, and print the command or the manifest of the job; run nothing.",
)
def resume(**asked: Any) -> int:
    """Let the run RUN_ID go on: one that failed, was cancelled, or lost its machine.

    It stays the same run of MLflow, and training goes on from its last checkpoint. On a cluster its job is submitted again:
    with the image and the command that it had, and what else the job's template says now. A local run goes on here, with the code as it is
    now. RUN_ID may be the beginning of an id. With -E it is a run of that environment.
    """
    from mxdev.flow.resume import ResumeRequest
    from mxdev.flow.resume import resume as go_on
    from mxdev.project.project import Project, project_root

    root = project_root()
    name = str(Project.load(root).options.get("name") or root.name)
    return go_on(root, name, ResumeRequest(**asked), os.environ)


def _somewhere(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where the jobs are."""
    command = ENVIRONMENT(command)
    command = click.option(
        "--namespace", metavar="NAME", help="Where the jobs are; by default what the job's templates say."
    )(command)
    return click.option(
        "--context",
        metavar="NAME",
        help="The cluster, as kubectl knows it; by default that of `mx connect`, else its current context.",
    )(command)


def _jobs(context: str | None, namespace: str | None, environment: str | None) -> Jobs:
    from mxdev.connect import target
    from mxdev.flow.cluster.jobs import Jobs
    from mxdev.project.project import Project, project_root

    root = project_root()
    name = str(Project.load(root).options.get("name") or root.name)
    where = target.context(root, context, environment), target.namespace(root, namespace, environment)
    return Jobs(root, name, *where, os.environ, environment)


@click.command("status")
@click.argument("run", required=False, shell_complete=completion.runs)
@_somewhere
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(
    run: str | None, context: str | None, namespace: str | None, environment: str | None, as_json: bool
) -> int:
    """Show the jobs on the cluster and the runs on this machine.

    With RUN only that one, a job with all replicas. With --context, --namespace or -E only what is there. RUN is the id of a run of MLflow, or the beginning of one. A run that nobody has closed although its job is over
    (training was killed, a node was lost, the job was deleted) is closed.
    """
    from mxdev.flow import status as all_runs
    from mxdev.flow.cluster import commands
    from mxdev.flow.local import runs as local_runs
    from mxdev.project.project import project_root

    if context is None and namespace is None and environment is None:
        if run is None:
            return all_runs.show(
                project_root(), lambda: _jobs(context, namespace, environment), as_json=as_json
            )
        if (found := local_runs.one(project_root(), run)) is not None:
            local_runs.show(found, as_json=as_json)
            return 0
    return commands.status(_jobs(context, namespace, environment), run, as_json=as_json)


@click.command("logs")
@click.argument("run", shell_complete=completion.runs)
@click.option("-f", "--follow", is_flag=True, help="Go on until the job ends; ^C leaves the job alone.")
@_somewhere
def logs(run: str, follow: bool, context: str | None, namespace: str | None, environment: str | None) -> int:
    """Print the logs of RUN, wherever it ran.

    Of a run on this machine it is what it printed. Of a job they are those of all its replicas, each line with the replica's name in front. With --follow the exit code is 0 if the job succeeded, 1 if it failed or was
    deleted, and 4 if the cluster was lost before the job ended: then nothing is known of it.
    """
    from mxdev.flow.cluster import commands
    from mxdev.flow.local import logs as local_logs
    from mxdev.flow.local import runs as local_runs
    from mxdev.project.project import project_root

    here = context is None and namespace is None and environment is None
    if here and (found := local_runs.one(project_root(), run)) is not None:
        return local_logs.show(project_root(), found, follow=follow)
    return commands.logs(_jobs(context, namespace, environment), run, follow=follow)


@click.command("cancel")
@click.argument("run", shell_complete=completion.runs)
@_somewhere
def cancel(run: str, context: str | None, namespace: str | None, environment: str | None) -> int:
    """Cancel the job of RUN on the cluster.

    The job is deleted, its pods end, and the run is closed as KILLED. A job that has ended already is left alone.
    """
    from mxdev.flow.cluster import commands
    from mxdev.flow.local import runs as local_runs
    from mxdev.project.project import project_root

    here = context is None and namespace is None and environment is None
    if here and (found := local_runs.one(project_root(), run)) is not None:
        raise local_runs.refuse_to_cancel(found)
    return commands.cancel(_jobs(context, namespace, environment), run)


for _command in (accept, sweep, list_runs, compare_runs, status, logs, cancel):
    flow.add_command(_command)
