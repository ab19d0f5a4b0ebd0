"""A trial of the search `search` as a Job on the cluster: `mx flow sweep --backend kubernetes --jobs N`.

mx submits it, follows it, and cancels it when it is over; it is started for each trial as the variable says.
"""

import json
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlflow.tracking import MlflowClient

# Set by mx: how it is called, and all of a Job that is the same for each trial, as JSON.
VARIABLE = "MX_TRIALS"
# How often a training is looked at, in seconds.
TICK = 1.0
# Of a run's id in the name of its Job.
SHORT = 10
# Anything else of a Job says nothing of its training.
ENDED = ("succeeded", "failed", "killed")


def train(number: int, run_id: str, command: Sequence[str], over: Callable[[], bool]) -> int:
    """Train until it is done or over. The Job is named after the run: one that is there already is followed, no other is made.

    Args:
        number: the trial's.
        run_id: its run.
        command: what the Job runs.
        over: whether it is to end.

    Returns:
        0 if it came to its end.

    Raises:
        SystemExit: there is no Job, or nobody knows what became of it; the same search can go on later.
    """
    told = json.loads(os.environ[VARIABLE])
    name = f"{told['name']}-{run_id[:SHORT]}"
    client = MlflowClient()
    client.set_tag(run_id, "mx.job", f"{told['kind']}/{told['namespace']}/{name}")
    client.set_tag(run_id, "mx.context", told["context"] or "")
    with tempfile.TemporaryDirectory(prefix="trial-") as scratch:
        report = Path(scratch) / "report.json"
        environment = {"MLFLOW_TRACKING_URI": told["tracking_uri"], "MLFLOW_RUN_ID": run_id}
        job = {
            **told,
            "name": name,
            "run_id": run_id,
            "command": shlex.join(command),
            "environment": environment,
            "label": f"trial {number}",
            "report": str(report),
            "parent": os.getpid(),
        }
        asked, code = _followed(told["submitter"], json.dumps(job), over)
        became: dict[str, Any] = json.loads(report.read_text("utf-8")) if report.exists() else {}
    if became.get("outcome") not in ENDED and not asked:
        raise SystemExit(f"trial {number} has no Job: {became.get('reason', 'mx did not say why')}")
    return code


def _followed(program: Sequence[str], job: str, over: Callable[[], bool]) -> tuple[bool, int]:
    """Run mx; whether it was asked to cancel the Job, and its exit code."""
    # In a session of its own: ^C reaches the search, which says whose training ends.
    mx = subprocess.Popen(program, stdin=subprocess.PIPE, text=True, start_new_session=True)
    given, asked = job, False
    while mx.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            mx.communicate(given, timeout=TICK)
        given = ""
        if not asked and mx.poll() is None and over():
            asked = True
            mx.send_signal(signal.SIGINT)
    return asked, mx.returncode
