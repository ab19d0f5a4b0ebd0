"""MLflow's project backend `mx`: a run of an entry point becomes a job on a Kubernetes cluster.

It runs in the project's interpreter, where there is MLflow and usually no mx, so it imports nothing else. MLflow's part
is done here: the run, its command, its variables, its status. The cluster's part is `submitter.py`, a process in mx's
own interpreter, which gets the job as JSON and leaves a report of what became of it.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow.exceptions import ExecutionException
from mlflow.projects.backend.abstract_backend import AbstractBackend
from mlflow.projects.submitted_run import SubmittedRun
from mlflow.projects.utils import (
    fetch_and_validate_project,
    get_or_create_run,
    get_run_env_vars,
    load_project,
)
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PROJECT_BACKEND, MLFLOW_RUN_NAME

NAME = "mx"
# So much of a run's id is in the name of its job.
SHORT = 10
# They stand for ids that only a run brings. Kubernetes takes them, so that it can be asked about what a dry run shows.
RUN_ID, EXPERIMENT_ID = "run-id", "experiment-id"
# How long the submitter may take to cancel the job after ^C, and to leave after a second one, in seconds.
TO_CANCEL, TO_LEAVE = 600, 10
# By outcome of the job; one that is only "submitted" goes on.
STATUS = {"succeeded": "FINISHED", "failed": "FAILED", "refused": "FAILED", "killed": "KILLED"}
_NEEDED = ("template", "name", "image")
# As many characters of a tag does every version of MLflow keep.
MOST_OF_A_TAG = 5000
_SUBMITTER = (sys.executable, "-P", "-m", "mxdev.flow.cluster.submitter")


def backend_builder() -> ClusterBackend:
    """What the entry point in the group `mlflow.project_backend` names."""
    return ClusterBackend()


class ClusterBackend(AbstractBackend):  # type: ignore[misc,unused-ignore]
    """Runs entry points as jobs. Its configuration is described in docs/flow.md."""

    def run(
        self,
        project_uri: str,
        entry_point: str,
        params: Mapping[str, str],
        version: str | None,
        backend_config: Mapping[str, Any],
        tracking_uri: str,
        experiment_id: str,
    ) -> ClusterRun:
        """Make the run and submit its job; wait for the end unless MLflow does, or the configuration says not to.

        Raises:
            ExecutionException: the job was not submitted, failed, or was cancelled.
        """
        folder, command = _command(backend_config, project_uri, entry_point, params, version)
        # A run that goes on brings its id.
        known = backend_config.get("run_id")
        run = get_or_create_run(known, project_uri, experiment_id, folder, version, entry_point, params)
        run_id = run.info.run_id
        job = _job(backend_config, command, run_id, experiment_id)
        submitted = ClusterRun(run_id, job, backend_config)
        # MLflow's command line waits for the runs of its own backends only.
        if not backend_config.get("SYNCHRONOUS") and not submitted.wait():
            raise ExecutionException(submitted.told)
        return submitted


def show(
    project_uri: str,
    entry_point: str,
    params: Mapping[str, str],
    version: str | None,
    backend_config: Mapping[str, Any],
) -> dict[str, Any]:
    """The job that `ClusterBackend.run` would submit, with placeholders for the run. Nothing is made, nobody asked."""
    _, command = _command(backend_config, project_uri, entry_point, params, version)
    run_id = backend_config.get("run_id") or RUN_ID
    return _job(backend_config, command, run_id, backend_config.get("experiment_id") or EXPERIMENT_ID)


def _command(
    config: Mapping[str, Any], uri: str, entry_point: str, params: Mapping[str, str], version: str | None
) -> tuple[str, str]:
    """The project's folder, and the line for bash that MLflow makes of an entry point and its parameters."""
    missing = [key for key in _NEEDED if not config.get(key)]
    if missing:
        raise ExecutionException(
            f"The configuration of the backend {NAME} lacks {', '.join(missing)}; `mx flow run` makes one."
        )
    folder = fetch_and_validate_project(uri, version, entry_point, params)
    if config.get("command"):
        return folder, config["command"]
    # Without a folder to download to, a parameter of type `path` stays as it was given: the path is one in the image.
    return folder, load_project(folder).get_entry_point(entry_point).compute_command(params, None)


def _job(config: Mapping[str, Any], command: str, run_id: str, experiment_id: str) -> dict[str, Any]:
    """What the submitter gets, but for the place of the report."""
    environment = get_run_env_vars(run_id, experiment_id)
    if config.get("tracking_uri"):
        environment["MLFLOW_TRACKING_URI"] = config["tracking_uri"]
    kept = ("template", "image", "context", "namespace", "detach", "gpus", "queue")
    return {
        **{key: config.get(key) for key in kept},
        "name": f"{config['name']}-{run_id[:SHORT]}",
        "run_id": run_id,
        "command": command,
        "environment": environment,
    }


class ClusterRun(SubmittedRun):  # type: ignore[misc,unused-ignore]
    """A run whose job was handed to the submitter.

    Args:
        run_id: the run.
        job: what the submitter gets.
        config: the backend's configuration.
    """

    def __init__(self, run_id: str, job: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        super().__init__()
        self._run_id = run_id
        self._client = MlflowClient()
        self._outcome: str | None = None
        self._detach = bool(config.get("detach"))
        self._goes_on = bool(config.get("run_id"))
        self.told = ""
        tags = {
            MLFLOW_PROJECT_BACKEND: NAME,
            MLFLOW_RUN_NAME: config.get("run_name"),
            "mx.backend": config.get("backend"),
            "mx.image": job["image"],
            "mx.context": job["context"],
            "mx.gpus": job["gpus"] and str(job["gpus"]),
            "mx.queue": job["queue"],
            # What to run when the run goes on. Longer ones MLflow would cut off.
            "mx.command": job["command"] if len(job["command"]) <= MOST_OF_A_TAG else None,
            # The last one: from here on there may be a job.
            "mx.job": f"{config.get('kind')}/{job['namespace']}/{job['name']}",
        }
        for key, value in tags.items():
            if value:
                self._client.set_tag(run_id, key, value)
        self._scratch = tempfile.TemporaryDirectory(prefix="mx-job-", ignore_cleanup_errors=True)
        self._report = Path(self._scratch.name) / "report.json"
        try:
            self._process = subprocess.Popen(
                config.get("submitter") or _SUBMITTER, stdin=subprocess.PIPE, text=True
            )
            assert self._process.stdin is not None
            with self._process.stdin as stdin, contextlib.suppress(BrokenPipeError):
                json.dump({**job, "report": str(self._report)}, stdin)
        except BaseException as problem:
            self._end("KILLED" if isinstance(problem, KeyboardInterrupt) else "FAILED")
            raise

    @property
    def run_id(self) -> str:
        """MLflow's id of the run."""
        return self._run_id

    def wait(self) -> bool:
        """Wait for the end of the job, or of its submission if nobody wants to wait; whether all went well."""
        if self._outcome is None:
            try:
                self._process.wait()
            except KeyboardInterrupt:
                self.cancel()
                raise
            self._close()
        return self._outcome == "succeeded" or (self._outcome == "submitted" and self._detach)

    def get_status(self) -> str:
        """MLflow's word for how the run is."""
        return str(self._client.get_run(self._run_id).info.status)

    def cancel(self) -> None:
        """Have the job deleted and wait for that; another ^C meanwhile leaves it as it is."""
        if self._process.poll() is None:
            # On a terminal ^C has reached it already; it takes both for one.
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(TO_CANCEL)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(TO_LEAVE)
        self._close()

    def _close(self) -> None:
        """Read what became of the job and close the run accordingly."""
        try:
            report = json.loads(self._report.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            report = {"outcome": "unknown", "reason": "its submitter came to no end of its own"}
        self._scratch.cleanup()
        self._outcome = report["outcome"]
        because = f": {report['reason']}" if report.get("reason") else ""
        if status := STATUS.get(report["outcome"]):
            # A run that was to go on and did not is what it was.
            if not (report["outcome"] == "refused" and self._goes_on):
                self._end(status)
            self.told = f"Run (ID '{self._run_id}'): {report['outcome']}{because}"
        else:
            self.told = f"Run (ID '{self._run_id}') may go on{because}; `mx flow status` shows it"

    def _end(self, status: str) -> None:
        """Close the run, unless training has closed it in a way that fits."""
        now = self.get_status()
        # Training that is ended by a signal may say that it failed, and one that finished may have failed replicas.
        fits = {"FINISHED": ("FINISHED", "FAILED"), "FAILED": ("FAILED",), "KILLED": ("FINISHED", "KILLED")}
        if now not in fits[status]:
            self._client.set_terminated(self._run_id, status)
