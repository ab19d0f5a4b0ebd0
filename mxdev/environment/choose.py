"""Chooses the interpreter in which a project runs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from mxdev.environment.interpreter import (
    Interpreter,
    active,
    belongs,
    distribution_name,
    locate,
    probe,
    venv_python,
)
from mxdev.environment.on_disk import environment_of, inspect, refuse_foreign
from mxdev.errors import MxError


def choose(
    root: Path,
    *,
    explicit: str | None,
    environ: Mapping[str, str],
    need_project: bool = True,
    run_nothing: bool = False,
) -> Interpreter:
    """The interpreter in which the project runs: `--python`, else `.venv`, else an active environment that has it.

    Args:
        root: the project.
        explicit: what `--python` says.
        environ: the environment variables.
        need_project: whether the project itself must be installed (not for the UI).
        run_nothing: an environment in the project is read, and not run; one that came with the project is refused.

    Raises:
        MxError: there is none, or it lacks the project or MLflow; says the commands that make it.
    """
    name = distribution_name(root)
    wanted = name if need_project else None
    look = _reader(root) if run_nothing else probe
    own = venv_python(root / ".venv")
    if explicit is not None:
        path = locate(explicit)
        found = look(path, name)
        if found is None:
            raise MxError(f"--python {explicit}: {path} does not work as a Python interpreter.")
        return _complete(found, root, wanted)
    # lexists: a link to a Python that was uninstalled is a broken environment, not a missing one.
    if os.path.lexists(root / ".venv"):
        if run_nothing:
            refuse_foreign(root, root / ".venv")
        found = look(own, name)
        if found is None:
            raise MxError(f"{root / '.venv'} has no Python that works.", hint=_how(root))
        return _complete(found, root, wanted)
    for path in active(environ):
        found = look(path, name)
        if found and name and belongs(found, root):
            return _complete(found, root, wanted)
        if found and found.mlflow and not wanted:
            return found
    what = f"{name} installed" if wanted else "MLflow installed"
    raise MxError(
        f"no Python environment has {what}: {root / '.venv'} does not exist, and no active environment has it.",
        hint=_how(root),
    )


def _reader(root: Path) -> Callable[[Path, str | None], Interpreter | None]:
    """As `probe`, but interpreters in the project are not run."""

    def look(python: Path, distribution: str | None) -> Interpreter | None:
        folder = environment_of(python, root)
        return probe(python, distribution) if folder is None else inspect(folder, distribution)

    return look


def _complete(found: Interpreter, root: Path, distribution: str | None) -> Interpreter:
    """`found`, if it has what a run needs.

    Raises:
        MxError: the project or MLflow is missing.
    """
    if distribution and not belongs(found, root):
        where = f" ({found.project_at} is what it has)" if found.project else ""
        raise MxError(
            f"{found.python} does not have the project {distribution} installed{where}.",
            hint=_how(root, found),
        )
    if found.mlflow is None:
        from mxdev.environment.packages import install

        command = " && ".join(shlex.join(step) for step in install(found, ["mlflow"]))
        raise MxError(
            f"MLflow is not installed in {found.prefix}: install it with `{command}`, or run `mx flow run --setup`."
        )
    return found


def _how(root: Path, found: Interpreter | None = None) -> str:
    """The commands that make the environment, ready to be pasted."""
    from mxdev.environment.packages import commands

    lines = ["`mx flow run --setup` makes it; by hand:", f"    cd {shlex.quote(str(root))}"]
    lines += [f"    {shlex.join(command)}" for command in commands(root, into=found)]
    return "\n".join(lines)
