"""Runs inside the project's interpreter, as a script: looks a run up and writes all that `mx flow rerun` needs of it.

Only the standard library and MLflow are there; mx itself is not. The job is JSON on stdin: `run` is an id or its
beginning, `folder` where to write. The answer is `answer.json` there, and beside it the artifacts that the run has of
those in `ARTIFACTS`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

# What training logs of itself (see the skeleton's trainer).
ARTIFACTS = ("uncommitted.diff", "requirements.txt")
# So many ids are enough to show that a beginning is not unique.
MOST = 5


def main() -> int:
    """Do the job that is on stdin."""
    # This script's folder would otherwise be searched for modules first, and it has a `setup` and a `tracking`.
    here = Path(__file__).resolve().parent
    sys.path[:] = [place for place in sys.path if Path(place).resolve() != here]
    job = json.loads(sys.stdin.read())
    folder = Path(job["folder"])
    try:
        answer = look_up(job["run"], folder)
    except Exception as problem:
        answer = {"error": f"{type(problem).__name__}: {problem}"}
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    return 0


def look_up(beginning: str, folder: Path) -> dict[str, Any]:
    """The one run that begins so, or those that do."""
    from mlflow.entities import ViewType
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    experiments: list[str] = []
    token = None
    while True:
        page = client.search_experiments(view_type=ViewType.ALL, page_token=token)
        experiments += [experiment.experiment_id for experiment in page]
        token = page.token
        if not token:
            break
    wanted = f"attributes.run_id LIKE '{beginning}%'"
    runs = client.search_runs(experiments, wanted, ViewType.ALL, MOST) if experiments else []
    if len(runs) != 1:
        return {"found": [[run.info.run_id, run.info.run_name] for run in runs]}
    (run,) = runs
    return {"run": describe(client, run, folder)}


def describe(client: Any, run: Any, folder: Path) -> dict[str, Any]:
    """A run as JSON; its artifacts go into `folder`."""
    run_id = run.info.run_id
    there = {item.path for item in client.list_artifacts(run_id)}
    for name in ARTIFACTS:
        if name in there:
            client.download_artifacts(run_id, name, str(folder))
    return {
        "id": run_id,
        "name": run.info.run_name,
        "status": run.info.status,
        "deleted": run.info.lifecycle_stage == "deleted",
        "experiment_id": run.info.experiment_id,
        "params": dict(run.data.params),
        "tags": dict(run.data.tags),
        "metrics": dict(run.data.metrics),
    }


if __name__ == "__main__":
    sys.exit(main())
