"""`python -m mxdev.flow.cluster.submitter`: what MLflow says of a run, filled into its template and handed to the cluster.

MLflow's backend (`backend.py`) starts it, with one JSON object on its stdin: `template` (a path), `name`, `image`,
`command`, `environment`, `run_id`, `gpus` and `queue` (see `mxdev.cluster.adapt`), and for `mxdev.cluster.session` `context`, `namespace`, `detach`, `label` and `report`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def filled(job: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest of a job.

    Raises:
        MxError: the template cannot be read, or lacks the place for something.
    """
    from mxdev.cluster import adapt, manifest
    from mxdev.errors import MxError

    path = Path(job["template"])
    template = manifest.read(path)
    if job["namespace"]:
        template.setdefault("metadata", {})["namespace"] = job["namespace"]
    try:
        return manifest.fill(
            adapt.adapted(template, gpus=job.get("gpus"), queue=job.get("queue")),
            name=job["name"],
            image=job["image"],
            # Kubernetes would put variables in place of $(NAME), and make one $ of two.
            command=job["command"].replace("$", "$$"),
            environment=job["environment"],
            labels={**manifest.MANAGED_BY, manifest.RUN_LABEL: job["run_id"]},
        )
    except MxError as problem:
        raise MxError(f"{path}: {problem.message}", hint=problem.hint) from problem


def main() -> int:
    """Submit the job and follow it; the exit code, see `mxdev.cluster.session`."""
    return run(json.load(sys.stdin))


def run(job: dict[str, Any], before: Callable[[Mapping[str, Any]], None] = lambda job: None) -> int:
    """Submit a job and follow it.

    Args:
        job: what came from stdin.
        before: called with the job and its `manifest` before it is submitted.

    Returns:
        The exit code, see `mxdev.cluster.session`.
    """
    try:
        # Imported here, so that ^C finds something that can still say that nothing was submitted.
        from mxdev.cluster.session import Session
        from mxdev.errors import MxError
        from mxdev.system import console

        try:
            job["manifest"] = filled(job)
            before(job)
        except MxError as problem:
            console.error(problem.message, problem.hint)
            _report(job, "refused", problem.message)
            return problem.code
        session = Session(job)
    except KeyboardInterrupt:
        _report(job, "killed", "interrupted before it was submitted")
        return 130
    return session.run()


def _report(job: Mapping[str, Any], outcome: str, reason: str) -> None:
    text = json.dumps({"outcome": outcome, "reason": reason})
    Path(job["report"]).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
