"""What runs on this machine printed: a copy of each in the folder of the project's own store, for `mx flow logs`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from mxdev.environment.local_folder import FOLDER
from mxdev.errors import DONE, SAYS_NO, Refused
from mxdev.flow.local import runs as local_runs
from mxdev.flow.local.runs import LocalRun
from mxdev.flow.words import ENDED, SHORT

_FOLDER = "logs"
# How often a log that is followed is looked at, in seconds.
_TICK = 0.5


def path(folder: Path | None, run_id: str | None) -> Path | None:
    """Where the output of a run goes; of one that is not made yet, until it has an id. None: nowhere.

    Args:
        folder: that of the project's own store; None where runs are recorded elsewhere.
        run_id: the id of a run that goes on.
    """
    if folder is None:
        return None
    logs = folder / _FOLDER
    try:
        logs.mkdir(mode=0o700, exist_ok=True)
    except OSError:  # training does not fail for that
        return None
    return logs / (f"{run_id}.log" if run_id else f"begun-{os.getpid()}.tmp")


def clear(log: Path | None, run_id: str | None) -> None:
    """Remove the output of what never became a run."""
    if log is not None and run_id is None:
        log.unlink(missing_ok=True)


def show(root: Path, run: LocalRun, *, follow: bool) -> int:
    """Print what a run of this machine printed, and with `follow` what it will, until it ends.

    Returns:
        0; with `follow` 1 if the run did not finish.

    Raises:
        Refused: its output was not kept.
    """
    file = root / FOLDER / _FOLDER / f"{run.run_id}.log"
    if not file.is_file():
        raise Refused(
            f"run {run.run_id[:SHORT]} is of this machine, and what it printed was not kept.",
            hint="`mx flow run` keeps it; what training recorded is shown by `mx flow ui`.",
        )
    with file.open("rb") as log:
        while True:
            now = local_runs.one(root, run.run_id) or run  # before reading: nothing is printed after its end
            while data := log.read(65536):
                sys.stdout.buffer.write(data)
            sys.stdout.flush()
            if not follow or now.status in ENDED:
                return DONE if not follow or now.status == "FINISHED" else SAYS_NO
            time.sleep(_TICK)
