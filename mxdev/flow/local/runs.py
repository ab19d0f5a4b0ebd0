"""The runs in the project's own store, read without MLflow, which takes seconds to import: for ids, `status` and `logs`."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mxdev.environment.local_folder import FOLDER
from mxdev.errors import Refused, UsageProblem
from mxdev.flow import tracking
from mxdev.flow.words import ENTRY_POINT, SHORT
from mxdev.system import console

_ID = re.compile(r"[0-9a-f]{1,32}")
_WHOLE = 32
# The schema is MLflow's own: its columns have been these since 2.0.
_RUNS = """
    SELECT r.run_uuid, r.name, r.status, r.start_time, r.end_time, COALESCE(t.value, '')
    FROM runs r LEFT JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = ?
    WHERE r.lifecycle_stage = 'active' AND substr(r.run_uuid, 1, ?) = ? ORDER BY r.start_time DESC LIMIT ?
"""


@dataclass(frozen=True)
class LocalRun:
    """A run of the project's own store.

    Attributes:
        run_id: 32 hexadecimal digits.
        start, end: milliseconds since 1970; `end` is None while it runs, and for one that was killed.
        entry_point: the entry point of MLproject; empty where it was not made by one.
    """

    run_id: str
    name: str
    status: str
    start: int
    end: int | None
    entry_point: str


def find(root: Path, beginning: str = "", most: int = 20) -> list[LocalRun]:
    """The latest runs whose id begins so, the last one first; none where there is no store, or one that cannot be read."""
    database = root.resolve() / FOLDER / "mlflow.db"
    if not database.is_file():
        return []
    with contextlib.suppress(sqlite3.Error), contextlib.closing(_opened(database)) as store:
        rows = store.execute(_RUNS, (ENTRY_POINT, len(beginning), beginning, most)).fetchall()
        return [LocalRun(str(i), str(n or ""), str(s), int(a or 0), e, str(p)) for i, n, s, a, e, p in rows]
    return []


def _opened(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=5)


def one(root: Path, run: str) -> LocalRun | None:
    """The run of the project's own store with that id, or the beginning of it.

    Raises:
        UsageProblem: several begin so.
    """
    found = find(root, run) if _ID.fullmatch(run) else []
    if len(found) > 1:
        raise _several(run, [(one.run_id, one.name) for one in found])
    return found[0] if found else None


def _several(run: str, found: list[tuple[str, str]]) -> UsageProblem:
    shown = "\n".join(f"    {run_id} ({name})" for run_id, name in found[:5])
    return UsageProblem(f"more than one run begins with {run}:\n{shown}", hint="Give more of its id.")


def whole_id(root: Path, store: tracking.Store, run: str, environ: Mapping[str, str]) -> str:
    """The whole id of the run that a parameter names by the beginning of it.

    Args:
        root: the project.
        store: where runs are recorded.
        run: an id or its beginning; what can be neither is left as it is.
        environ: the environment variables.

    Raises:
        UsageProblem: the store has no such run, or several.
    """
    from mxdev.flow.cluster.mlflow_rest import NoAnswer, Server

    if not _ID.fullmatch(run):
        return run
    if store.folder is not None:
        found = [(one.run_id, one.name) for one in find(root, run)]
    elif store.is_server:
        try:
            runs = Server(store.uri, environ).search(f"attributes.run_id LIKE '{run}%'")
        except NoAnswer as problem:
            if len(run) < _WHOLE:
                raise
            console.warn(problem.message)
            return run
        found = [(one.id, one.name) for one in runs]
    else:
        return run
    if not found:
        raise UsageProblem(
            f"{tracking.shown(store)} has no run {run}.", hint="`mx flow list` shows the runs that it has."
        )
    if len(found) > 1:
        raise _several(run, found)
    return found[0][0]


def table(runs: list[LocalRun]) -> None:
    """Print runs, a line each."""
    rows = [
        (run.run_id[:SHORT], run.name, run.entry_point or "-", run.status, _when(run.start)) for run in runs
    ]
    console.table([("RUN", "NAME", "ENTRY POINT", "STATUS", "STARTED"), *rows])


def show(run: LocalRun, *, as_json: bool) -> None:
    """Print what is known of one run."""
    if as_json:
        console.out(json.dumps({"version": 1, **as_data(run)}, indent=2))
        return
    console.out(f"run       {run.run_id} ({run.name}): {run.status}")
    console.out(f"entry     {run.entry_point or '-'}")
    ended = f", ended {_when(run.end)}" if run.end else ""
    console.out(f"where     this machine, started {_when(run.start)}{ended}")


def as_data(run: LocalRun) -> dict[str, Any]:
    """A run for JSON."""
    return asdict(run)


def refuse_to_cancel(run: LocalRun) -> Refused:
    """What is said to somebody who would cancel a run of this machine."""
    return Refused(
        f"run {run.run_id[:SHORT]} is of this machine, not of a cluster; it is {run.status}.",
        hint="^C in the terminal where it runs ends it.",
    )


def _when(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000):%Y-%m-%d %H:%M}"
