"""`mx flow run`: MLflow's `run`, in the right interpreter, with the right store, and a word about the result."""

from __future__ import annotations

import json
import os
import shlex
import stat
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mxdev.environment.choose import choose
from mxdev.environment.interpreter import Interpreter, venv_python
from mxdev.environment.local_folder import through
from mxdev.errors import INTERRUPTED, MxError, UsageProblem
from mxdev.flow import tracking
from mxdev.flow.cluster import options as cluster_run
from mxdev.flow.cluster import trials
from mxdev.flow.declared import mlproject, overrides
from mxdev.flow.local import logs as local_logs
from mxdev.flow.local import runs as local_runs
from mxdev.flow.words import RUN_ID, SHORT
from mxdev.project import environments
from mxdev.system import console, foreground, git

_MOST_METRICS = 12


@dataclass(frozen=True)
class RunRequest:
    """What was asked for on the command line.

    Attributes:
        entry: the entry point; None: what the backend runs by default.
        parameters: `-P` values, as written.
        passed_on: arguments for `mlflow run`, as they are.
        experiment: `--experiment`, None for the project's own.
        run_name: `--run-name`.
        python: `--python`.
        cluster: the backend, and what is said of the cluster.
        trials: of a search here whose trials are Jobs: what is said of their cluster.
        as_json: print what became of it as one JSON object; training's own output goes to stderr then.
    """

    entry: str | None = None
    parameters: Sequence[str] = ()
    passed_on: Sequence[str] = ()
    experiment: str | None = None
    run_name: str | None = None
    python: str | None = None
    setup: bool = False
    dry_run: bool = False
    as_json: bool = False
    cluster: cluster_run.Options = field(default_factory=cluster_run.Options)
    trials: cluster_run.Options | None = None


@dataclass(frozen=True)
class Launch:
    """What is run: the arguments of MLflow, what differs in the environment, where, and what its backend is told.

    `tags` are put on the run as soon as it is made. `run_id` is that of a run that goes on; None: one is made.
    `overrides` are appended to the command of the entry point. `environment` is what `-E` says.
    """

    root: Path
    interpreter: Path
    arguments: Sequence[str]
    variables: Mapping[str, str]
    dropped: frozenset[str]
    store: tracking.Store
    experiment: str | None = None
    config: Mapping[str, Any] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    run_id: str | None = None
    overrides: Sequence[str] = ()
    environment: str | None = None


def run(root: Path, name: str, request: RunRequest, environ: Mapping[str, str]) -> int:
    """Run an entry point of the project.

    Args:
        root: the project.
        name: the project's name, which the experiment bears.
        request: what was asked for.
        environ: the environment variables.

    Returns:
        MLflow's exit code.

    Raises:
        MxError: it cannot be run.
    """
    if request.as_json and request.dry_run:
        raise UsageProblem("--json tells of a run, and with --dry-run there is none; leave one of them out.")
    cluster_run.check(request.cluster, request.passed_on)
    # An environment without one is refused at once.
    tracking.store(root, environ, request.cluster.environment)
    project = mlproject.read(root)
    given = mlproject.parse_parameters(request.parameters)
    entry = request.entry or cluster_run.default_entry(project, request.cluster.backend)
    point = mlproject.entry_point(project, entry)
    given, changed, passed_on = overrides.split(point, given, request.passed_on)
    request = replace(request, passed_on=passed_on)
    mlproject.check_parameters(point, given)
    if RUN_ID in given:
        store = tracking.store(root, environ, request.cluster.environment)
        # A job on a cluster may record, and look, elsewhere than in the project's own store.
        if request.cluster.backend == cluster_run.LOCAL or store.folder is None:
            given = {**given, RUN_ID: local_runs.whole_id(root, store, given[RUN_ID], environ)}
    if request.cluster.backend == cluster_run.LOCAL:
        _warn_of_no_commit(root)
    config = None
    if request.cluster.backend != cluster_run.LOCAL:
        store = tracking.store(root, environ, request.cluster.environment)
        config = cluster_run.configuration(root, name, request.cluster, store, environ)
        cluster_run.say_changes(root, request.cluster)
    python = _interpreter(root, request, environ)
    request = replace(request, entry=entry)
    launch = plan(root, name, request, given, python, environ, config, changed)
    if request.trials is not None:
        cluster_run.say_changes(root, request.trials)
        launch = with_trials(launch, name, request.trials, environ, dry_run=request.dry_run)
    if request.dry_run:
        console.out(preview(launch, environ), data=True)
        return 0
    tracking.prepare(root, launch.store)
    if config is not None:
        config = cluster_run.prepare(root, request.cluster, config)
        launch = plan(root, name, request, given, python, environ, config, changed)
    return execute(launch, environ, as_json=request.as_json)[0].code


def _warn_of_no_commit(root: Path) -> None:
    """Say that a run cannot be repeated where there is no commit to repeat it from."""
    try:
        repository = git.find(root)
        if repository is not None and repository.commit() is not None:
            return
    except git.GitError:  # training says what it could not log
        return
    what = "the project is in no Git repository" if repository is None else "there is no commit yet"
    first = "git init -b main && " if repository is None else ""
    console.warn(
        f"{what}, so this run cannot be repeated (`mx flow rerun`). Before the next: `{first}git add --all && git commit`."
    )


def _interpreter(root: Path, request: RunRequest, environ: Mapping[str, str]) -> Path:
    """The interpreter to run in, made first if that was asked for."""
    found: Interpreter | None
    if request.setup:
        from mxdev.environment.setup import make

        found = make(root, explicit=request.python, environ=environ, dry_run=request.dry_run)
        if found is None:
            return venv_python(root / ".venv")
        if found.mlflow is None:
            raise MxError(
                f"MLflow is not installed in {found.prefix}: add it to the dependencies in pyproject.toml."
            )
        return found.python
    return choose(root, explicit=request.python, environ=environ, run_nothing=request.dry_run).python


def plan(
    root: Path,
    name: str,
    request: RunRequest,
    given: Mapping[str, str],
    python: Path,
    environ: Mapping[str, str],
    config: Mapping[str, Any] | None = None,
    changed: Sequence[str] = (),
) -> Launch:
    """What will be run; `config` is for the backend of a run on a cluster, `changed` for Hydra. Pure: nothing is written."""
    store = tracking.store(root, environ, request.cluster.environment)
    options = {text.partition("=")[0] for text in request.passed_on}
    # MLflow takes the project's place apart at `#`, and `.zip` is an archive to it; "." has neither.
    arguments = ["run", ".", "-e", request.entry or cluster_run.ENTRY]
    if config is not None:
        told = {**config, "run_name": request.run_name}
        arguments += ["--backend", "mx", "--backend-config", json.dumps(told)]
    if "--env-manager" not in options:
        arguments += ["--env-manager", "local"]
    experiment = None
    dropped = set()
    if request.experiment or not (
        options & {"--experiment-name", "--experiment-id"}
        or environ.get("MLFLOW_EXPERIMENT_NAME")
        or environ.get("MLFLOW_EXPERIMENT_ID")
    ):
        experiment = request.experiment or name
        arguments += ["--experiment-name", experiment]
        dropped = {"MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"}
    if request.run_name:
        arguments += ["--run-name", request.run_name]
    for key, value in given.items():
        arguments += ["-P", f"{key}={value}"]
    variables = {**tracking.variables(store), "PYTHONUNBUFFERED": "1"}
    python = through(root, python)
    environment = python.parent.parent
    if (environment / "pyvenv.cfg").is_file():
        variables["VIRTUAL_ENV"] = str(environment)
        dropped |= {"CONDA_PREFIX"}
    # A run id from outside would make training log into that run instead of its own.
    dropped |= {"PYTHONHOME", "MLFLOW_RUN_ID"}
    return Launch(
        root,
        python,
        [*arguments, *request.passed_on],
        variables,
        frozenset(key for key in dropped if key in environ),
        store,
        experiment,
        config,
        overrides.tags(changed),
        overrides=tuple(changed),
        environment=request.cluster.environment,
    )


def with_trials(
    launch: Launch, name: str, options: cluster_run.Options, environ: Mapping[str, str], *, dry_run: bool
) -> Launch:
    """The launch of a search, whose trials become Jobs on a cluster; raises as `trials.told` does."""
    variables = trials.told(launch.root, name, options, launch.store, environ, dry_run=dry_run)
    return replace(
        launch,
        variables={**launch.variables, **variables},
        tags={**launch.tags, **trials.tags(variables)},
    )


def shown(launch: Launch) -> str:
    """The same run without mx, to be pasted into a shell."""
    lines = [f"cd {shlex.quote(str(launch.root))}", "env \\"]
    lines += [f"  -u {key} \\" for key in sorted(launch.dropped)]
    lines += [f"  {key}={shlex.quote(value)} \\" for key, value in launch.variables.items()]
    lines += [f'  PATH={shlex.quote(str(launch.interpreter.parent))}:"$PATH" \\']
    lines += [f"  {shlex.join([str(launch.interpreter), '-m', 'mlflow', *launch.arguments])}"]
    if launch.overrides:  # MLflow alone has no way to say so
        lines += [f"# mx appends to the entry point's command: {shlex.join(launch.overrides)}"]
    return "\n".join(lines)


def environment(launch: Launch, environ: Mapping[str, str], first: Path | None = None) -> dict[str, str]:
    """The whole environment of the run; `first` goes before everything on PATH."""
    result = {key: value for key, value in environ.items() if key not in launch.dropped}
    result.update(launch.variables)
    path = [str(first)] if first else []
    result["PATH"] = os.pathsep.join([*path, str(launch.interpreter.parent), environ.get("PATH", os.defpath)])
    return result


def preview(launch: Launch, environ: Mapping[str, str]) -> str:
    """What would be run: a command for a shell, or the manifest of a job.

    Raises:
        MxError: MLflow does not say.
    """
    return shown(launch) if launch.config is None else cluster_run.rendered(_ask(launch, environ))


def execute(
    launch: Launch, environ: Mapping[str, str], *, as_json: bool = False
) -> tuple[foreground.Ended, dict[str, Any] | None]:
    """Run it and say what became of it: how it ended, and what `inside/run.py` reported, None when no run was made.

    Args:
        launch: what is run.
        environ: the environment variables.
        as_json: say it on stdout as one JSON object, too, and let training's output go to stderr.
    """
    what = "running in" if launch.config is None else "submitting from"
    console.status(f"{what} {launch.interpreter}; recording in {tracking.shown(launch.store)}")
    ended, result = _inside(launch, environ, output_to_stderr=as_json)
    _tell(launch, result)
    if as_json:
        console.out(json.dumps({"version": 1, "run_id": None, **(result or {}), "exit_code": ended.code}))
    if ended.interrupted and ended.code == INTERRUPTED:
        console.status("interrupted")
        if trials.TAG in launch.tags and result:
            again = f"`mx flow resume {result['run_id'][:SHORT]}` goes on with the search"
            console.status(environments.commands(again, launch.environment))
    return ended, result


def _ask(launch: Launch, environ: Mapping[str, str]) -> dict[str, Any]:
    """The job that MLflow would have mx submit. Neither the store nor the cluster is asked.

    Raises:
        MxError: MLflow does not say.
    """
    ended, result = _inside(launch, environ, dry_run=True)
    if ended.code or result is None:
        raise MxError(
            "MLflow could not say what it would run; its own words are above.", code=ended.code or None
        )
    return result


def _inside(
    launch: Launch, environ: Mapping[str, str], *, dry_run: bool = False, output_to_stderr: bool = False
) -> tuple[foreground.Ended, dict[str, Any] | None]:
    """Run `inside/run.py` in the project's interpreter: how it ended, and what it reported."""
    with tempfile.TemporaryDirectory(prefix="mx-flow-") as scratch:
        report = Path(scratch) / "report.json"
        variables = environment(launch, environ, _python_on_path(launch.interpreter, Path(scratch)))
        # Where MLflow downloads what `path` parameters name; it never cleans up there.
        variables.setdefault("MLFLOW_TMP_DIR", str(Path(scratch) / "downloads"))
        log = (
            None
            if dry_run
            else local_logs.path(launch.store.folder, launch.run_id)
            if launch.config is None
            else None
        )
        lock = str(launch.store.folder / "store.lock") if launch.store.folder else None
        variables["MX_FLOW_JOB"] = json.dumps(
            {
                "report": str(report),
                "experiment": launch.experiment,
                "artifacts": launch.store.artifacts,
                "lock": lock,
                "cluster": launch.config is not None,
                "dry_run": dry_run,
                "tags": dict(launch.tags),
                "run_id": launch.run_id,
                "overrides": list(launch.overrides),
                "log": str(log) if log and launch.run_id is None else None,
            }
        )
        script = Path(__file__).parent / "inside" / "run.py"
        if not dry_run:
            console.status("loading MLflow")
        try:
            ended = foreground.run(
                [launch.interpreter, script, *launch.arguments],
                cwd=launch.root,
                environ=variables,
                output_to_stderr=dry_run or output_to_stderr,
                copy=log,
            )
        except OSError as problem:
            raise MxError(f"{launch.interpreter} could not be started: {problem}.") from problem
        finally:
            local_logs.clear(log, launch.run_id)
        return ended, _read(report)


def _python_on_path(interpreter: Path, scratch: Path) -> Path | None:
    """A folder in which `python` is the interpreter, if its own folder has none of that name.

    Entry points say `python`; beside /usr/bin/python3.11 that may be missing, or another version.
    """
    beside = interpreter.parent / "python"
    if os.name == "nt" or (beside.exists() and beside.samefile(interpreter)):
        return None
    folder = scratch / "bin"
    folder.mkdir()
    # A script, no link: a link's target would not find its environment.
    for name in ("python", "python3"):
        launcher = folder / name
        launcher.write_text(f'#!/bin/sh\nexec {shlex.quote(str(interpreter))} "$@"\n', encoding="utf-8")
        launcher.chmod(launcher.stat().st_mode | stat.S_IXUSR)
    return folder


def _read(report: Path) -> dict[str, Any] | None:
    """What the run reported, None when it came to nothing."""
    try:
        result = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) else None


def _tell(launch: Launch, result: dict[str, Any] | None) -> None:
    """Say which run it was, what it measured, and how to open it."""
    if result is None:
        return
    store = launch.store

    def say(text: str) -> None:
        console.err(environments.commands(text, launch.environment))

    console.err()
    console.err(f"run      {result['run_id']} ({result['name']}): {result['status']}")
    metrics = {name: value for name, value in result["metrics"].items() if not name.startswith("system/")}
    # What a model is judged by comes first.
    order = sorted(metrics, key=lambda name: (not name.startswith("test"), not name.startswith("val"), name))
    for number, name in enumerate(order[:_MOST_METRICS]):
        console.err(f"{'' if number else 'metrics':<8} {name} = {metrics[name]:.6g}")
    if len(order) > _MOST_METRICS:
        console.err(f"{'':<8} and {len(order) - _MOST_METRICS} more")
    page = f"#/experiments/{result['experiment_id']}/runs/{result['run_id']}"
    if store.is_server:
        console.err(f"open     {tracking.page(store)}/{page}")
    else:
        say(f"open     `mx flow ui`, then http://127.0.0.1:5000/{page}")
    if launch.config is not None and result["status"] in ("RUNNING", "SCHEDULED"):
        run = result["run_id"][:SHORT]
        say(f"look     `mx flow status {run}`, `mx flow logs {run} --follow`")
        say(f"cancel   `mx flow cancel {run}`")
