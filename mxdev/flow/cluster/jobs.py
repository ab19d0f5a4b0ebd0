"""The project's jobs on the cluster, and the runs of MLflow that they belong to.

A job knows its run by a label, a run knows its job by a tag. Training that was killed closes no run, and a job that was
deleted tells nobody: looking at both puts that right.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from mxdev.cluster import manifest
from mxdev.cluster import state as states
from mxdev.cluster.kubectl import Kubectl
from mxdev.cluster.manifest import JobKind, JobRef
from mxdev.cluster.refusals import ClusterError
from mxdev.errors import MxError, UsageProblem
from mxdev.flow import tracking
from mxdev.flow.cluster import trials
from mxdev.flow.cluster.mlflow_rest import NoAnswer, Server, TrackedRun
from mxdev.flow.cluster.options import name_prefix
from mxdev.flow.words import SHORT, TEMPLATES
from mxdev.project import environments
from mxdev.system import console

# A run that is younger, in seconds, may have a job that is just being submitted.
_YOUNG = 120.0
_SELECTOR = ",".join(f"{key}={value}" for key, value in manifest.MANAGED_BY.items())
# What a run becomes that nobody has closed, by the phase of its job.
_STATUS: Mapping[states.Phase, str] = {"succeeded": "FINISHED", "failed": "FAILED", "gone": "KILLED"}


@dataclass(frozen=True)
class Job:
    """A job of this project.

    Attributes:
        run_id: MLflow's id of its run.
        kubectl: where it is.
        ref: which it is.
        created: when it was submitted.
        state: what it is doing.
        run: its run; None when the tracking server does not have it, or does not answer.
    """

    run_id: str
    kubectl: Kubectl
    ref: JobRef
    created: datetime
    state: states.State
    run: TrackedRun | None = None


class Jobs:
    """The jobs of a project.

    Args:
        root: the project.
        name: its name.
        context: `--context`; None: the kubeconfig's current one.
        namespace: `--namespace`; None: those of the project's templates.
        environ: the environment variables.
        environment: `-E`, whose tracking server it is.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        context: str | None,
        namespace: str | None,
        environ: Mapping[str, str],
        environment: str | None = None,
    ) -> None:
        self.environment = environment
        self._prefix = name_prefix(name)
        self._kubectls = [Kubectl(context, place) for place in _namespaces(root, namespace)]
        self._server, self._without = None, ""
        try:
            store = tracking.store(root, environ, environment)
        except MxError as problem:
            self._without = (
                f"{problem.message.rstrip('.')}: names and status of runs are not shown. {problem.hint}"
            )
        else:
            if store.is_server:
                self._server = Server(store.uri, environ)
            else:
                self._without = environments.commands(
                    f"runs are recorded in {tracking.shown(store)}, which knows nothing of jobs on a cluster: their names and "
                    "status are not shown. `mx flow connect`, or MLFLOW_TRACKING_URI, leads to the server that does.",
                    environment,
                )

    @property
    def places(self) -> str:
        """The namespaces that are looked at, for a person."""
        return ", ".join(kubectl.namespace for kubectl in self._kubectls)

    def look(self, run: str = "") -> tuple[list[Job], list[TrackedRun]]:
        """The jobs on the cluster, newest first, and the runs whose job is not there any more.

        Runs that nobody has closed although their job is over are closed, which is said.

        Args:
            run: a run's id, or its beginning; empty: all.

        Raises:
            ClusterError: there is no cluster, it refuses, or does not answer.
            UsageProblem: `run` is not an id, or the beginning of several.
        """
        if not re.fullmatch(r"[0-9a-f]{0,32}", run):
            raise UsageProblem(
                f"{run} is not an id of a run, nor the beginning of one: they have the digits 0-9 and a-f."
            )
        for kubectl in self._kubectls:
            # Where there is none, kubectl would look for a cluster on this machine.
            _ = kubectl.context
        # The runs first: a job that is submitted in between is not a job that is missing.
        runs = {found.id: found for found in self._runs(run)}
        jobs = [job for kubectl in self._kubectls for job in self._on(kubectl) if job.run_id.startswith(run)]
        if run:
            _only({job.run_id for job in jobs} | runs.keys(), run)
        jobs = [self._settled(replace(job, run=runs.pop(job.run_id, None))) for job in jobs]
        gone = [
            self._closed(found, "gone", "its job is not on the cluster any more") for found in runs.values()
        ]
        return sorted(jobs, key=lambda job: job.created, reverse=True), gone

    def kill(self, run_id: str) -> bool:
        """Close a run as KILLED, also one that says that it failed when its job was deleted.

        Returns:
            Whether the tracking server has done it.
        """
        if self._server is None:
            return False
        try:
            self._server.set_status(run_id, "KILLED")
        except NoAnswer as problem:
            console.warn(problem.message)
            return False
        return True

    def search(self, run: str) -> TrackedRun | None:
        """The project's search on a machine whose trials are Jobs where we look, by its run's id or the beginning of it.

        Returns:
            None: there is none.

        Raises:
            UsageProblem: `run` is the beginning of several.
        """
        if self._server is None:
            return None
        try:
            found = self._server.search(f"tags.`{trials.TAG}` LIKE '%'")
        except NoAnswer as problem:
            console.warn(problem.message)
            return None
        fits = [one for one in found if one.id.startswith(run) and self._searches(one)]
        _only([one.id for one in fits], run)
        return fits[0] if fits else None

    def _searches(self, run: TrackedRun) -> bool:
        return any(trials.is_of(run.tags, self._prefix, one.namespace, one.context) for one in self._kubectls)

    def _on(self, kubectl: Kubectl) -> Iterator[Job]:
        """The jobs in one namespace."""
        items = [(kind, item) for kind in manifest.KINDS for item in _items(kubectl, kind)]
        if not items:
            return
        pods = kubectl.json("get", "pods", "--selector", _SELECTOR)["items"]
        waits = not pods or any(pod.get("status", {}).get("phase", "Pending") == "Pending" for pod in pods)
        events = kubectl.json("get", "events")["items"] if waits else []
        for kind, item in items:
            metadata = item["metadata"]
            run_id = metadata["labels"].get(manifest.RUN_LABEL, "")
            if metadata["name"] != f"{self._prefix}-{run_id[:SHORT]}":
                continue
            own = [pod for pod in pods if pod["metadata"]["labels"].get(kind.pod_label) == metadata["name"]]
            yield Job(
                run_id,
                kubectl,
                JobRef(kind, metadata["name"]),
                datetime.fromisoformat(metadata["creationTimestamp"]),
                states.read(kind, item, own, events),
            )

    def _runs(self, run: str) -> list[TrackedRun]:
        """The runs that are open or asked for, and were made by this project for a job where we look."""
        if self._server is None:
            if self._without:
                console.warn(self._without)
            return []
        try:
            if run:
                found = self._server.search(f"tags.`mx.job` LIKE '%/{self._prefix}-{run[:SHORT]}%'")
            else:
                found = self._server.search("attributes.status = 'RUNNING'")
        except NoAnswer as problem:
            console.warn(problem.message)
            self._server = None
            return []
        return [one for one in found if one.id.startswith(run) and self._is_here(one)]

    def _is_here(self, run: TrackedRun) -> bool:
        for kubectl in self._kubectls:
            _, _, place = run.tags.get("mx.job", "").partition("/")
            here = f"{kubectl.namespace}/{self._prefix}-{run.id[:SHORT]}"
            if place == here and run.tags.get("mx.context", "") == kubectl.context:
                return True
        return False

    def _settled(self, job: Job) -> Job:
        """A job with its run, which is over when the job is."""
        if job.run is None and self._server is not None:
            try:
                job = replace(job, run=self._server.run(job.run_id))
            except NoAnswer as problem:
                console.warn(problem.message)
                self._server = None
        if job.run is None or not job.state.over:
            return job
        return replace(job, run=self._closed(job.run, job.state.phase, f"its job has {job.state.phase}"))

    def _closed(self, run: TrackedRun, phase: states.Phase, why: str) -> TrackedRun:
        """A run, closed if it is open."""
        if run.has_ended or self._server is None or (phase == "gone" and time.time() - run.started < _YOUNG):
            return run
        self._server.set_status(run.id, _STATUS[phase])
        console.status(f"run {run.id[:SHORT]} was {run.status}, but {why}: it is {_STATUS[phase]} now")
        return replace(run, status=_STATUS[phase])


def _only(found: Collection[str], run: str) -> None:
    if len(found) > 1:
        raise UsageProblem(f"{run} is the beginning of several runs: {', '.join(sorted(found))}.")


def _items(kubectl: Kubectl, kind: JobKind) -> Sequence[Any]:
    try:
        items: list[Any] = kubectl.json("get", kind.resource, "--selector", _SELECTOR)["items"]
    except ClusterError as problem:
        # A cluster without Kubeflow.
        if problem.reason != "NoKind":
            raise
        return []
    return items


def _namespaces(root: Path, given: str | None) -> list[str | None]:
    """The namespaces in which the project's jobs run."""
    if given:
        return [given]
    found: dict[str | None, None] = {}
    for path in (root / template for template in TEMPLATES.values()):
        if path.is_file():
            found[manifest.read(path).get("metadata", {}).get("namespace")] = None
    return list(found) or [None]
