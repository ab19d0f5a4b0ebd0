"""`mx flow status` of all runs: jobs on the cluster, and what ran on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from mxdev.errors import DONE, MxError
from mxdev.flow.cluster import commands
from mxdev.flow.cluster.jobs import Job, Jobs
from mxdev.flow.local import runs as local_runs
from mxdev.flow.words import TEMPLATES
from mxdev.system import console


def show(root: Path, jobs: Callable[[], Jobs], *, as_json: bool) -> int:
    """Show the project's jobs on the cluster and the runs of its own store; 0.

    Where a cluster cannot be asked, the runs of this machine are shown, and why it could not.

    Raises:
        MxError: the cluster cannot be asked, and nothing ran here.
    """
    local = local_runs.find(root)
    found: list[Job] = []
    problem = None
    if any((root / template).is_file() for template in TEMPLATES.values()):
        try:
            found, _ = (asked := jobs()).look()
        except MxError as error:
            if not local:
                raise
            problem = error.message
        else:
            if not found and not local and not as_json:
                console.err(f"no job of this project is in {asked.places}, and nothing ran here")
    elif not local and not as_json:
        console.err("nothing ran here yet; `mx flow run` trains")
    if problem is not None:
        console.warn(f"jobs on the cluster are not shown: {problem}")
    if as_json:
        data = {
            "jobs": [commands.as_data(job) for job in found],
            "runs": [local_runs.as_data(run) for run in local],
        }
        console.out(json.dumps({"version": 1, **data, "problem": problem}, indent=2))
        return DONE
    if found:
        commands.table(found)
    if found and local:
        console.out()
    if local:
        local_runs.table(local)
    return DONE
