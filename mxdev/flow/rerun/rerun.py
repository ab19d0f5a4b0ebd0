"""`mx flow rerun`: repeats a run from what it logged, in a scratch checkout, and says where the new one differs."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mxdev.errors import DONE, SAYS_NO, MxError, Refused
from mxdev.flow import runner, tracking
from mxdev.flow.cluster import options as cluster_run
from mxdev.flow.cluster import trials
from mxdev.flow.declared import mlproject, overrides
from mxdev.flow.rerun import compare, reading
from mxdev.flow.rerun.checkout import checkout
from mxdev.flow.rerun.reading import LoggedRun, Origin
from mxdev.system import console, git, programs
from mxdev.system.signals import as_control_c

_PREFIX = "rerun-of-"
# Runs in the project's interpreter: from where it would import. Nothing is imported for that.
# Isolated (-I), so that nothing of the checkout is imported by asking; PYTHONPATH is put where it stands otherwise: before
# the standard library, and behind what a .pth file puts first.
_WHENCE = """
import importlib.util, json, os, sys
library = (os.path.dirname(os.__file__), "python%d%d.zip" % sys.version_info[:2])
at = next((i for i, p in enumerate(sys.path) if p.endswith(library)), 0)
sys.path[at:at] = [p for p in sys.argv[1].split(os.pathsep) if p]
def whence(name):
    spec = importlib.util.find_spec(name)
    return [*(spec.submodule_search_locations or [spec.origin])] if spec else []
print(json.dumps({name: whence(name) for name in sys.argv[2:]}))
"""


@dataclass(frozen=True)
class RerunRequest:
    """What was asked for.

    Attributes:
        run_id: the run's id, or the beginning of it.
        backend: `--backend`; None: as it was.
        context: `--context`, the cluster; None: as it was.
        python: `--python`.
        dry_run: say what would be run; run nothing.
        environment: `-E`, whose run it is.
    """

    run_id: str
    backend: str | None = None
    context: str | None = None
    python: str | None = None
    dry_run: bool = False
    environment: str | None = None


def rerun(root: Path, name: str, request: RerunRequest, environ: Mapping[str, str]) -> int:
    """Repeat a run.

    Args:
        root: the project.
        name: its name.
        request: what was asked for.
        environ: the environment variables.

    Returns:
        MLflow's exit code if that is not 0; 1 when the new run differs, 0 when it does not.

    Raises:
        Refused: the run cannot be repeated; says why.
        MxError: it cannot be read, or Git or the interpreter fail.
    """
    store, python = reading.begin(
        root, request.python, environ, run_nothing=request.dry_run, environment=request.environment
    )
    with as_control_c() as signals:
        try:
            return _repeat(root, name, request, store, python, environ)
        except KeyboardInterrupt:
            console.status("interrupted")
    return 128 + (signals.arrived or signal.SIGINT)


def _repeat(
    root: Path,
    name: str,
    request: RerunRequest,
    store: tracking.Store,
    python: Path,
    environ: Mapping[str, str],
) -> int:
    """Read, check out, run, compare."""
    console.status(f"looking for {request.run_id} in {tracking.shown(store)}")
    run = reading.read(python, store, request.run_id)
    origin = reading.origin(run, request.backend, request.context)
    with checkout(root, origin.commit, origin.diff, filters=not request.dry_run) as folder:
        _say(run, origin)
        launch = _launch(folder, name, run, origin, store, python, environ, request)
        if request.dry_run:
            console.out(f"# {folder} is a checkout of {origin.commit}" + _with_diff(origin, run))
            console.out(runner.preview(launch, environ), data=True)
            return DONE
        ended, result = runner.execute(launch, environ)
    if result is None or ended.interrupted:
        return ended.code
    parts = compare.compare(run, reading.read(python, store, result["run_id"]))
    console.err()
    console.err(f"compared with {run.title}:")
    for line in compare.table(parts):
        console.out(line)
    return ended.code or (DONE if compare.repeated(parts) else SAYS_NO)


def _say(run: LoggedRun, origin: Origin) -> None:
    """What is repeated, and what is not known of it."""
    code = f"commit {origin.commit[:12]}" + (" with its uncommitted changes" if origin.diff else "")
    where = f" in {origin.image}" if origin.image else ""
    console.status(f"repeating {run.title}: the entry point {origin.entry} of {code}{where}")
    if origin.unsure:
        console.warn(f"{run.title}: {origin.unsure}.")


def _with_diff(origin: Origin, run: LoggedRun) -> str:
    return f" with the uncommitted changes of {run.id}; it is gone now" if origin.diff else "; it is gone now"


def _launch(
    folder: Path,
    name: str,
    run: LoggedRun,
    origin: Origin,
    store: tracking.Store,
    python: Path,
    environ: Mapping[str, str],
    asked: RerunRequest,
) -> runner.Launch:
    """What is run in the checkout at `folder`."""
    given = _parameters(folder, run, origin)
    config = None
    if origin.backend != cluster_run.LOCAL:
        options = cluster_run.Options(
            origin.backend,
            origin.image,
            context=origin.context,
            namespace=origin.namespace,
            gpus=reading.gpus(run, origin.backend),
            queue=run.tags.get("mx.queue"),
            environment=asked.environment,
        )
        config = cluster_run.configuration(folder, name, options, store, environ)
        if not asked.dry_run:
            config = cluster_run.prepare(folder, options, config)
    request = runner.RunRequest(
        entry=origin.entry,
        run_name=_PREFIX + run.name.removeprefix(_PREFIX),
        passed_on=("--experiment-id", run.experiment_id),
    )
    launch = runner.plan(folder, name, request, given, python, environ, config, overrides.recorded(run.tags))
    dropped = {"MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", *git.misleading(environ)} & environ.keys()
    variables = {**launch.variables, **tracking.variables(store)}
    if config is None:
        source = folder / "src" if (folder / "src").is_dir() else folder
        variables["PYTHONPATH"] = os.pathsep.join([str(source), *filter(None, [environ.get("PYTHONPATH")])])
        _check_imports(python, folder, source, variables["PYTHONPATH"])
    launch = replace(
        launch,
        store=store,
        variables=variables,
        dropped=launch.dropped | dropped,
        tags={**launch.tags, reading.RERUN_OF: run.id},
        environment=asked.environment,
    )
    # Told to be on this machine, its trials are, too.
    of_trials = trials.recorded(run.tags) if asked.backend is None else None
    if config is None and of_trials is not None:
        context = asked.context or of_trials.context
        of_trials = replace(of_trials, context=context, environment=asked.environment)
        return runner.with_trials(launch, name, of_trials, environ, dry_run=asked.dry_run)
    return launch


def _parameters(folder: Path, run: LoggedRun, origin: Origin) -> dict[str, str]:
    """The values of the entry point's parameters, as the run logged them.

    Raises:
        Refused: the entry point is gone, or the run did not log a value that it needs.
    """
    try:
        entry = mlproject.entry_point(mlproject.read(folder), origin.entry)
    except MxError as problem:
        said = problem.message.replace(f"{folder}/", "").replace(str(folder), "the project")
        raise Refused(
            f"the run {run.title} cannot be repeated: at commit {origin.commit[:12]}, {said}"
        ) from problem
    given = {key: run.params[key] for key in entry.parameters if key in run.params}
    missing = [key for key, one in entry.parameters.items() if key not in given and one.default is None]
    if entry.name == entry.command and run.params:
        why = f"{entry.name} declares no parameters, so nobody knows which ones it was given"
    elif missing:
        why = f"it did not log what was given for {', '.join(missing)}"
    else:
        return given
    raise Refused(f"the run {run.title} cannot be repeated: {why}.")


def _check_imports(python: Path, folder: Path, source: Path, path: str) -> None:
    """Make sure that it is the code in the checkout that runs: the environment has the project's own folder installed.

    Raises:
        MxError: the interpreter would take it from elsewhere.
    """
    names = sorted(
        one.stem
        for one in source.iterdir()
        if one.stem.isidentifier() and (one.suffix == ".py" or (one / "__init__.py").is_file())
    )
    asked = programs.run([str(python), "-I", "-c", _WHENCE, path, *names], cwd=folder, capture=True)
    if asked.code:
        raise MxError(f"{python} does not say what it would import: {asked.stderr.decode(errors='replace')}")
    for name, places in json.loads(asked.stdout).items():
        elsewhere = [place for place in places if not Path(place).resolve().is_relative_to(folder)]
        if elsewhere:
            raise MxError(
                f"{python} would import {name} from {elsewhere[0]} and not from the checkout of the run.",
                hint="Something in that environment goes before PYTHONPATH; another one can be named with --python.",
            )
