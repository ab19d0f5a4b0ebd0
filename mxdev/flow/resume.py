"""`mx flow resume`: a run that was interrupted goes on, as the same run of MLflow.

Its job is submitted again, made of what the run logged of it: the image, the command, the cluster. Training finds the run's
last checkpoint by the run's id. A run of this machine goes on here, in the working copy; a search whose trials are Jobs goes on
with those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mxdev.cluster import submit
from mxdev.errors import DONE, UsageProblem
from mxdev.flow import runner, tracking
from mxdev.flow.cluster import options as cluster_run
from mxdev.flow.cluster import trials
from mxdev.flow.cluster.jobs import Job, Jobs
from mxdev.flow.declared import mlproject, overrides
from mxdev.flow.rerun import reading
from mxdev.flow.rerun.reading import LoggedRun, Where
from mxdev.flow.words import ENDED, ENTRY_POINT, SHORT
from mxdev.system import console, git

_RESUMED = "resumed"


@dataclass(frozen=True)
class ResumeRequest:
    """What was asked for.

    Attributes:
        run_id: the run's id, or the beginning of it.
        context: `--context`, the cluster; None: as it was.
        tracking_uri: where pods find the tracking server; None: as for `mx flow run`.
        python: `--python`.
        detach: do not wait for the job.
        force: also where the run says that it is running on this machine.
        dry_run: say what would be run; run nothing.
        environment: `-E`, whose run it is.
    """

    run_id: str
    context: str | None = None
    tracking_uri: str | None = None
    python: str | None = None
    detach: bool = False
    force: bool = False
    dry_run: bool = False
    environment: str | None = None


def resume(root: Path, name: str, request: ResumeRequest, environ: Mapping[str, str]) -> int:
    """Let a run go on.

    Args:
        root: the project.
        name: its name.
        request: what was asked for.
        environ: the environment variables.

    Returns:
        MLflow's exit code.

    Raises:
        UsageProblem: there is no such run.
        Refused: it is finished, or runs still, or did not log enough; says so.
        MxError: it cannot be read, or the cluster refuses.
    """
    store, python = reading.begin(
        root, request.python, environ, run_nothing=request.dry_run, environment=request.environment
    )
    run = reading.read(python, store, request.run_id)
    entry = _entry(run)
    place = reading.where(run, None, request.context, _RESUMED)
    if place.backend == cluster_run.LOCAL:
        _check_local(root, run, request)
        launch = _local(root, name, run, entry, store, python, environ, request.environment)
        if (options := trials.recorded(run.tags)) is not None:
            options = replace(
                options,
                context=request.context or options.context,
                tracking_uri=request.tracking_uri or options.tracking_uri,
                environment=request.environment,
            )
            launch = runner.with_trials(launch, name, options, environ, dry_run=request.dry_run)
    else:
        left = _left_on_the_cluster(root, name, run, place, environ, request.environment)
        launch = _on_cluster(root, name, run, entry, place, request, store, python, environ)
        if left is not None and not request.dry_run:
            console.status(f"removing {left.ref}, which {left.state.phase}")
            submit.cancel(left.kubectl, left.ref)
    if request.dry_run:
        console.out(runner.preview(launch, environ), data=True)
        return DONE
    where = f" in {place.image}" if place.image else ""
    console.status(f"resuming {run.title}: the entry point {entry}{where}")
    return runner.execute(launch, environ)[0].code


def _entry(run: LoggedRun) -> str:
    """The entry point of a run that can go on.

    Raises:
        Refused: it cannot.
    """
    if run.deleted:
        hint = f"`mlflow runs restore --run-id {run.id}` brings it back."
        raise reading.refused(run, "it is deleted", hint, _RESUMED)
    if run.status == "FINISHED":
        hint = f"`mx flow rerun {run.id[:SHORT]}` repeats it."
        raise reading.refused(run, "it is finished", hint, _RESUMED)
    entry = run.tags.get(ENTRY_POINT)
    if not entry:
        raise reading.refused(run, *reading.no_entry(run), _RESUMED)
    return entry


def _check_local(root: Path, run: LoggedRun, request: ResumeRequest) -> None:
    """Whether a run of this machine may go on, and a word where the code is not what it was.

    Raises:
        Refused: it says that it runs.
        UsageProblem: what was asked for is about a cluster.
    """
    # A search whose trials are Jobs runs here, and they do not.
    here = trials.recorded(run.tags) is None
    given = {
        "--context": here and request.context,
        "--cluster-tracking-uri": here and request.tracking_uri,
        "--detach": request.detach,
    }
    if wrong := [option for option, value in given.items() if value]:
        raise UsageProblem(f"{', '.join(wrong)}: the run {run.title} did not run on a cluster.")
    if run.status not in ENDED and not request.force:
        raise reading.refused(
            run,
            f"its status is {run.status}",
            "If its process is gone (the machine was switched off), say so: `--force`.",
            _RESUMED,
        )
    logged, found = run.tags.get("git.commit"), git.find(root)
    now = None if found is None else found.commit()
    if logged and now and logged != now:
        console.warn(f"{run.title} ran at commit {logged[:12]}, and goes on at {now[:12]}.")


def _left_on_the_cluster(
    root: Path, name: str, run: LoggedRun, place: Where, environ: Mapping[str, str], environment: str | None
) -> Job | None:
    """The job that the run had, if it is there still; it has ended.

    Raises:
        Refused: it has not, or it has succeeded.
    """
    found, _ = Jobs(root, name, place.context, place.namespace, environ, environment).look(run.id)
    if not found:
        return None
    job = found[0]
    if job.state.phase == "succeeded":
        raise reading.refused(run, f"{job.ref} has succeeded", None, _RESUMED)
    if not job.state.over:
        short = run.id[:SHORT]
        hint = f"`mx flow logs {short} --follow` shows what it does; `mx flow cancel {short}` ends it."
        raise reading.refused(run, f"{job.ref} is {job.state.phase}", hint, _RESUMED)
    return job


def _local(
    root: Path,
    name: str,
    run: LoggedRun,
    entry: str,
    store: tracking.Store,
    python: Path,
    environ: Mapping[str, str],
    environment: str | None,
) -> runner.Launch:
    request = runner.RunRequest(
        entry=entry,
        passed_on=("--experiment-id", run.experiment_id, "--run-id", run.id),
        cluster=cluster_run.Options(environment=environment),
    )
    given = _parameters(root, run, entry)
    launch = runner.plan(root, name, request, given, python, environ, None, overrides.recorded(run.tags))
    return _same_run(launch, run, store, environ)


def _on_cluster(
    root: Path,
    name: str,
    run: LoggedRun,
    entry: str,
    place: Where,
    asked: ResumeRequest,
    store: tracking.Store,
    python: Path,
    environ: Mapping[str, str],
) -> runner.Launch:
    """The run's job once more; of the template as it is now, where whoever had too little memory has given it more."""
    options = cluster_run.Options(
        place.backend,
        place.image,
        context=place.context,
        namespace=place.namespace,
        tracking_uri=asked.tracking_uri,
        detach=asked.detach,
        gpus=reading.gpus(run, place.backend),
        queue=run.tags.get("mx.queue"),
        environment=asked.environment,
    )
    config = cluster_run.configuration(root, name, options, store, environ)
    if not asked.dry_run:
        config = cluster_run.prepare(root, options, config)
    command = run.tags.get("mx.command")
    if command is None:
        console.warn(f"{run.title} did not log its command; MLproject says it, as it is here now.")
    config = {**config, "run_id": run.id, "experiment_id": run.experiment_id, "command": command}
    request = runner.RunRequest(
        entry=entry,
        passed_on=("--experiment-id", run.experiment_id),
        cluster=cluster_run.Options(environment=asked.environment),
    )
    given = _parameters(root, run, entry)
    launch = runner.plan(root, name, request, given, python, environ, config, overrides.recorded(run.tags))
    return _same_run(launch, run, store, environ)


def _same_run(
    launch: runner.Launch, run: LoggedRun, store: tracking.Store, environ: Mapping[str, str]
) -> runner.Launch:
    dropped = {"MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"} & environ.keys()
    return replace(launch, store=store, dropped=launch.dropped | dropped, run_id=run.id)


def _parameters(root: Path, run: LoggedRun, entry: str) -> dict[str, str]:
    """The values of the entry point's parameters, as the run logged them."""
    point = mlproject.entry_point(mlproject.read(root), entry)
    given = {key: run.params[key] for key in point.parameters if key in run.params}
    mlproject.check_parameters(point, given)
    return given
