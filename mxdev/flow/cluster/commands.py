"""`mx flow status`, `mx flow logs` and `mx flow cancel`: for jobs that outlive the terminal they were submitted from."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from mxdev.cluster import logs as cluster_logs
from mxdev.cluster import submit
from mxdev.cluster.progress import Lines, Progress, described
from mxdev.cluster.refusals import ClusterError
from mxdev.errors import DONE, SAYS_NO, Refused
from mxdev.flow.cluster.jobs import Job, Jobs
from mxdev.flow.cluster.mlflow_rest import TrackedRun
from mxdev.flow.words import SHORT
from mxdev.project import environments
from mxdev.system import console

_COLUMNS = ("RUN", "NAME", "ENTRY POINT", "JOB", "PHASE", "AGE")


def status(jobs: Jobs, run: str | None, *, as_json: bool) -> int:
    """Show the project's jobs, or one of them with its replicas; 0.

    Raises:
        Refused: there is no such run.
    """
    if run is None:
        found, _ = jobs.look()
        if as_json:
            console.out(json.dumps({"version": 1, "jobs": [as_data(job) for job in found]}, indent=2))
        elif found:
            table(found)
        else:
            console.err(f"no job of this project is in {jobs.places}")
        return DONE
    one = _one(jobs, run)
    if as_json:
        data = as_data(one) if isinstance(one, Job) else _run_as_data(one)
        console.out(json.dumps({"version": 1, **data}, indent=2))
    else:
        _details(one)
    return DONE


def logs(jobs: Jobs, run: str, *, follow: bool) -> int:
    """Print what the replicas of a job have logged, and with `follow` what they will log until it ends.

    Returns:
        0; with `follow` 1 if the job did not succeed.

    Raises:
        Refused: there is no such job.
        ClusterError: the cluster was lost before the job ended, so that nobody knows how it did (exit code 4).
    """
    job = _job(_one(jobs, run))
    if not follow:
        cluster_logs.show(job.kubectl, job.ref, Lines(), console.warn)
        return DONE
    try:
        state = submit.watch(
            job.kubectl, job.ref, on_line=Lines(), on_state=Progress(job.ref), stop=threading.Event()
        )
    except KeyboardInterrupt:
        console.status(f"{job.ref} goes on")
        raise
    except ClusterError:
        short = job.run_id[:SHORT]
        console.warn(
            environments.commands(
                f"{job.ref} may go on; `mx flow status {short}` and `mx flow logs {short} --follow` ask again.",
                jobs.environment,
            )
        )
        raise
    console.status(f"{job.ref}: {state.phase}{f': {state.reason}' if state.reason else ''}")
    # To close the run. How the job ended is known; a cluster that goes away now must not take that back.
    with contextlib.suppress(ClusterError):
        jobs.look(job.run_id)
    return DONE if state.phase == "succeeded" else SAYS_NO


def cancel(jobs: Jobs, run: str) -> int:
    """Delete a job, wait for the end of its pods, and close its run as KILLED.

    Returns:
        0, also when there was nothing to cancel any more.

    Raises:
        Refused: there is no such run.
    """
    one = _one(jobs, run)
    if isinstance(one, TrackedRun):
        console.err(f"run {one.id[:SHORT]} has no job on the cluster any more; it is {one.status}")
        return DONE
    if one.state.phase in ("succeeded", "failed"):
        console.err(f"{one.ref} has ended already: it {one.state.phase}")
        return DONE
    console.status(f"cancelling {one.ref}")
    submit.cancel(one.kubectl, one.ref)
    killed = one.run is not None and not one.run.has_ended and jobs.kill(one.run_id)
    console.err(f"{one.ref} is cancelled" + ("; its run is KILLED" if killed else ""))
    return DONE


def _one(jobs: Jobs, run: str) -> Job | TrackedRun:
    """The job of a run, or the run itself if its job is gone.

    Raises:
        Refused: there is neither.
    """
    found, gone = jobs.look(run)
    if found:
        return found[0]
    if gone:
        return gone[0]
    if search := jobs.search(run):
        raise _is_search(search, jobs.environment)
    raise Refused(
        f"no job of this project in {jobs.places} belongs to a run {run}.",
        hint="`mx flow status` lists those that there are.",
    )


def _is_search(search: TrackedRun, environment: str | None) -> Refused:
    short = search.id[:SHORT]
    each = "each of its trials is a job and a run of its own"
    if search.status == "FINISHED":
        said = f"the run {short} is a search that ran on a machine, and has finished: {each}."
        hint = f"`mx flow status` lists those that there are. `mx flow rerun {short}` searches once more."
    else:
        said = f"the run {short} is a search that runs on a machine: {each}."
        hint = (
            "`mx flow status` lists those that there are. ^C where it runs cancels them all, and "
            f"`mx flow resume {short}` goes on with it."
        )
    return Refused(said, hint=environments.commands(hint, environment))


def _job(one: Job | TrackedRun) -> Job:
    if isinstance(one, Job):
        return one
    raise Refused(
        f"the job of run {one.id[:SHORT]} is not on the cluster any more, and its logs went with it. The run is {one.status}.",
        hint="What training recorded is in MLflow; `mx flow ui` leads there.",
    )


def table(found: list[Job]) -> None:
    """All jobs, a line each, and below it what it waits for."""
    rows = [
        (
            job.run_id[:SHORT],
            job.run.name if job.run else "-",
            (job.run.entry_point if job.run else "") or "-",
            str(job.ref),
            job.state.phase,
            age(job.created),
        )
        for job in found
    ]
    widths = [max(len(row[column]) for row in (_COLUMNS, *rows)) for column in range(len(_COLUMNS))]

    def line(row: tuple[str, ...]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    console.out(line(_COLUMNS))
    for job, row in zip(found, rows, strict=True):
        console.out(line(row))
        for text in reasons(job):
            console.out(f"  {text}")


def reasons(job: Job) -> list[str]:
    """Why a job waits, or why it failed."""
    texts = [job.state.reason] if job.state.reason else []
    if not job.state.over:
        texts += [f"{one.name}: {one.waiting_for}" for one in job.state.replicas if one.waiting_for]
    return texts


def _details(one: Job | TrackedRun) -> None:
    """One run and its job."""
    run = one if isinstance(one, TrackedRun) else one.run
    identity = one.id if isinstance(one, TrackedRun) else one.run_id
    console.out(f"run       {identity}" + (f" ({run.name}): {run.status}" if run else ""))
    if run:
        console.out(f"entry     {run.entry_point or '-'}")
        console.out(f"image     {run.tags.get('mx.image', '-')}")
    if isinstance(one, TrackedRun):
        console.out("job       not on the cluster any more")
        return
    console.out(f"job       {one.ref} in the namespace {one.kubectl.namespace}, {age(one.created)} old")
    console.out(f"phase     {one.state.phase}{f': {one.state.reason}' if one.state.reason else ''}")
    width = max((len(replica.name) for replica in one.state.replicas), default=0)
    for number, replica in enumerate(one.state.replicas):
        console.out(f"{'' if number else 'replicas':<9} {replica.name:<{width}}  {described(replica)}")


def age(since: datetime) -> str:
    """How long ago that was: 42s, 17m, 5h, 3d."""
    seconds = max(0, int((datetime.now(UTC) - since).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def as_data(job: Job) -> dict[str, Any]:
    """A job for JSON."""
    return {
        **(_run_as_data(job.run) if job.run else {"run_id": job.run_id}),
        "kind": job.ref.kind.name,
        "job": job.ref.name,
        "namespace": job.kubectl.namespace,
        "created": job.created.isoformat(),
        "phase": job.state.phase,
        "reason": job.state.reason,
        "replicas": [asdict(replica) for replica in job.state.replicas],
    }


def _run_as_data(run: TrackedRun) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "name": run.name,
        "entry_point": run.entry_point,
        "status": run.status,
        "image": run.tags.get("mx.image"),
    }
