"""What a run has logged, read for `mx flow rerun`; and whether that is enough to repeat it."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mxdev.environment.choose import choose
from mxdev.environment.local_folder import through
from mxdev.errors import MxError, Refused, UsageProblem
from mxdev.flow import tracking
from mxdev.flow.words import ENDED, ENTRY_POINT, PARENT
from mxdev.system import programs

RERUN_OF = "mx.rerun_of"
# Tags by the project's code: why Git could not tell what was not committed; what of it is not in the diff.
GIT_PROBLEM = "git.problem"
LEFT_OUT = "git.left_out"
# What a run cannot be, unless it is another word.
REPEATED = "repeated"
BACKENDS = ("local", "kubernetes", "distributed")


@dataclass(frozen=True)
class LoggedRun:
    """A run, with what it logged of itself.

    Attributes:
        diff: its artifact `uncommitted.diff`; None when it has none.
        requirements: its artifact `requirements.txt`; None when it has none.
    """

    id: str
    name: str
    status: str
    deleted: bool
    experiment_id: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    diff: bytes | None = None
    requirements: str | None = None

    @property
    def title(self) -> str:
        """How a person finds it."""
        return f"{self.id} ({self.name})"


def begin(
    root: Path,
    explicit: str | None,
    environ: Mapping[str, str],
    *,
    run_nothing: bool,
    environment: str | None = None,
) -> tuple[tracking.Store, Path]:
    """The store that has a run, ready to be read, and the interpreter that reads it.

    Args:
        root: the project.
        explicit: `--python`.
        environ: the environment variables.
        run_nothing: nothing of the project may run.
        environment: `-E`, whose tracking server has the run.

    Raises:
        UsageProblem: the store has no runs.
        MxError: there is no interpreter with MLflow, or the store cannot be used.
    """
    store = tracking.store(root, environ, environment)
    if store.folder is not None and not (store.folder / "mlflow.db").exists():
        raise UsageProblem(
            f"{tracking.shown(store)} has no runs.",
            hint="If the run is recorded elsewhere, say where with MLFLOW_TRACKING_URI, or `mx flow connect`.",
        )
    python = choose(root, explicit=explicit, environ=environ, run_nothing=run_nothing).python
    tracking.prepare(root, store)
    return store, through(root, python)


@dataclass(frozen=True)
class Where:
    """Where a run ran.

    Attributes:
        backend: "local", "kubernetes" or "distributed".
        image: the image that it ran in; None for a local one.
        namespace: where its job ran; None for a local one.
        context: the cluster; None for a local one, and for the one that mx ran in.
    """

    backend: str
    image: str | None = None
    namespace: str | None = None
    context: str | None = None


@dataclass(frozen=True)
class Origin:
    """Where a run came from.

    Attributes:
        commit: the commit.
        diff: what was not committed, for `git apply`; empty when everything was.
        entry: the entry point of MLproject.
        backend: "local", "kubernetes" or "distributed".
        image: the image that it ran in; None for a local one.
        namespace: where its job ran; None for a local one.
        context: the cluster; None for a local one, empty for the one that mx ran in.
        unsure: what it did not log, for a person; None when it is all there.
    """

    commit: str
    diff: bytes
    entry: str
    backend: str
    image: str | None = None
    namespace: str | None = None
    context: str | None = None
    unsure: str | None = None


def read(python: Path, store: tracking.Store, run_id: str) -> LoggedRun:
    """Look a run up.

    Args:
        python: the interpreter that has MLflow.
        store: where it is recorded.
        run_id: its id, or the beginning of it.

    Raises:
        UsageProblem: there is no such run, or more than one.
        MxError: the store cannot be read.
    """
    if not re.fullmatch(r"[0-9a-f]{1,64}", run_id):
        raise UsageProblem(f"{run_id!r} is not an id of a run: those are 32 of the digits 0-9 and a-f.")
    script = Path(__file__).parents[1] / "inside" / "look_up.py"
    changes = dict.fromkeys(("PYTHONHOME", "MLFLOW_RUN_ID", "PYTHONPATH"))
    with tempfile.TemporaryDirectory(prefix="mx-flow-") as folder:
        done = programs.run(
            [str(python), str(script)],
            env={**changes, "MLFLOW_TRACKING_URI": store.uri},
            capture=True,
            input=json.dumps({"run": run_id, "folder": folder}).encode(),
        )
        try:
            answer = json.loads(Path(folder, "answer.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            answer = {"error": done.stderr.decode("utf-8", "replace").strip()[-2000:]}
        if "error" in answer:
            raise MxError(f"the run {run_id} in {tracking.shown(store)} cannot be read: {answer['error']}")
        if "found" in answer:
            raise _not_one(run_id, answer["found"], store)
        files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    requirements = files.get("requirements.txt")
    return LoggedRun(
        **answer["run"],
        diff=files.get("uncommitted.diff"),
        requirements=None if requirements is None else requirements.decode("utf-8", "replace"),
    )


def _not_one(run_id: str, found: list[list[str]], store: tracking.Store) -> UsageProblem:
    if not found:
        return UsageProblem(
            f"{tracking.shown(store)} has no run {run_id}.",
            hint="`mx flow ui` shows the runs that it has. If it is recorded elsewhere, say where with MLFLOW_TRACKING_URI.",
        )
    shown = "\n".join(f"    {one} ({name})" for one, name in found)
    return UsageProblem(f"more than one run begins with {run_id}:\n{shown}", hint="Give more of its id.")


def origin(run: LoggedRun, backend: str | None, context: str | None = None) -> Origin:
    """Where the run came from.

    Args:
        run: the run.
        backend: `--backend`; None: as it was.
        context: `--context`; None: the one that it had.

    Raises:
        Refused: it cannot be repeated; says why.
    """
    if run.deleted:
        raise refused(run, "it is deleted", f"`mlflow runs restore --run-id {run.id}` brings it back.")
    if run.status not in ENDED:
        raise refused(run, f"it has not ended, its status is {run.status}", "Wait for it.")
    entry = run.tags.get(ENTRY_POINT)
    if not entry:
        raise refused(run, *no_entry(run))
    commit, unsure = _commit(run)
    diff = run.diff or b""
    if run.tags.get("git.uncommitted") == "True" and not diff:
        if problem := run.tags.get(GIT_PROBLEM):
            raise refused(run, f"Git could not tell what was not committed ({problem.rstrip('.')})")
        raise refused(run, "there were uncommitted changes, and its artifact uncommitted.diff is gone")
    if missing := run.tags.get(LEFT_OUT):
        unsure = f"what was not committed is not whole, these are not in it: {missing}"
    place = where(run, backend, context)
    return Origin(commit, diff, entry, place.backend, place.image, place.namespace, place.context, unsure)


def where(run: LoggedRun, backend: str | None, context: str | None, what: str = REPEATED) -> Where:
    """Where the run ran.

    Args:
        run: the run.
        backend: `--backend`; None: as it was.
        context: `--context`; None: the one that it had.
        what: what it cannot be, where it did not log enough.

    Raises:
        Refused: it did not log enough; says what.
    """
    was = run.tags.get("mx.backend") or run.tags.get("mlflow.project.backend") or "local"
    backend = backend or was
    if backend == "local":
        return Where(backend)
    image = run.tags.get("mx.image")
    if not image:
        raise refused(
            run,
            "nobody knows in which image it ran"
            if was != "local"
            else "it ran in no image, but on a machine",
            "`--backend local` repeats it on this machine." if what == REPEATED else None,
            what,
        )
    if backend not in BACKENDS:
        why = "it did not log of which template its job was made"
        raise refused(run, why, "Say it: `--backend kubernetes` or `--backend distributed`.", what)
    namespace = ([*run.tags.get("mx.job", "").split("/"), "", ""])[1]
    return Where(backend, image, namespace or None, context or run.tags.get("mx.context") or None)


def gpus(run: LoggedRun, backend: str) -> int | None:
    """How many GPUs a run on a cluster was told to have; None: what its template says, as for a run by another backend."""
    told = run.tags.get("mx.gpus", "")
    return int(told) if told.isdigit() and run.tags.get("mx.backend") == backend else None


def no_entry(run: LoggedRun) -> tuple[str, str | None]:
    """Why a run that `mlflow run` did not make cannot be run again, and what can."""
    source = run.tags.get("mlflow.source.name", "")
    if parent := run.tags.get(PARENT):
        return f"it is a part of the run {parent}, which made it", f"Repeat that: `mx flow rerun {parent}`."
    if run.tags.get("mlflow.source.type") == "NOTEBOOK" or source.endswith(".ipynb"):
        return f"it was made in a notebook ({source}), whose cells ran in an order that nobody logged", None
    made = f"it was made by {source}" if source else "it was made"
    return (
        f"{made} and not by an entry point of MLproject, so nobody logged how it was called",
        "Runs of `mx flow run` can be repeated.",
    )


def _commit(run: LoggedRun) -> tuple[str, str | None]:
    """The commit of a run, and what is not known of it.

    Raises:
        Refused: there is none.
    """
    logged = run.tags.get("git.commit") or ""
    commit = logged or run.tags.get("mlflow.source.git.commit") or ""
    if logged.endswith("-changed"):
        raise refused(run, f"its image was built from uncommitted changes on top of {logged[:12]}")
    if commit in ("", "none"):
        raise refused(run, "there was no commit yet, or no Git", "Commit, and the next run can be repeated.")
    # It becomes a word of a command line, and tags are anybody's who can write to the store.
    if not re.fullmatch(r"[0-9a-f]{7,64}", commit):
        raise refused(run, f"{commit!r} is not a commit")
    if not logged:
        return commit, "it did not log whether there were uncommitted changes, so there may have been some"
    return commit, None


def refused(run: LoggedRun, why: str, hint: str | None = None, what: str = REPEATED) -> Refused:
    """The error that a run cannot be `what`, and why."""
    return Refused(f"the run {run.title} cannot be {what}: {why}.", hint=hint)
