"""Runs inside the project's interpreter, as a script: writes the latest runs of a store.

Only the standard library and MLflow are there; mx itself is not. The job is JSON on stdin: `most` how many runs, `answer` the file
to write to.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    """Do the job that is on stdin."""
    # This script's folder would otherwise be searched for modules first.
    here = Path(__file__).resolve().parent
    sys.path[:] = [place for place in sys.path if Path(place).resolve() != here]
    job = json.loads(sys.stdin.read())
    try:
        answer: dict[str, Any] = {"runs": latest(job["most"])}
    except Exception as problem:
        answer = {"error": f"{type(problem).__name__}: {problem}"}
    Path(job["answer"]).write_text(json.dumps(answer), encoding="utf-8")
    return 0


def latest(most: int) -> list[dict[str, Any]]:
    """The latest runs of all experiments, the last one first."""
    from mlflow.entities import ViewType
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    names: dict[str, str] = {}
    token = None
    while True:
        page = client.search_experiments(view_type=ViewType.ACTIVE_ONLY, page_token=token)
        names.update({experiment.experiment_id: experiment.name for experiment in page})
        token = page.token
        if not token:
            break
    if not names:
        return []
    order = ["attributes.start_time DESC"]
    runs = client.search_runs(list(names), "", ViewType.ACTIVE_ONLY, most, order)
    return [
        {
            "id": run.info.run_id,
            "name": run.info.run_name,
            "experiment": names[run.info.experiment_id],
            "status": run.info.status,
            "start": run.info.start_time,
            "end": run.info.end_time,
            "metrics": dict(run.data.metrics),
            "tags": dict(run.data.tags),
        }
        for run in runs
    ]


if __name__ == "__main__":
    sys.exit(main())
