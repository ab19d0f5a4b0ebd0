"""Finds the interpreter in which a project runs, and says what is missing in it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mxdev.errors import MxError

# Runs inside the other interpreter, which may be old or broken: standard library only, no import of anything heavy.
# `direct_url.json` is PEP 610: it says from which folder a distribution was installed.
_PROBE = """
import json, sys
sys.path = [p for p in sys.path if p]
import importlib.metadata as metadata
def found(*names):
    for name in names:
        try:
            return metadata.distribution(name)
        except Exception:
            pass
def version(*names):
    distribution = found(*names)
    return distribution.version if distribution else None
project = found(sys.argv[1]) if sys.argv[1] else None
print(json.dumps({
    "executable": sys.executable, "version": "%d.%d.%d" % sys.version_info[:3], "prefix": sys.prefix, "venv": sys.prefix != sys.base_prefix,
    "mlflow": version("mlflow", "mlflow-skinny"), "torch": version("torch"),
    "pip": version("pip"),
    "project": project.version if project else None,
    "origin": project.read_text("direct_url.json") if project else None}))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python that answered, and what is installed beside it (versions; None when it is not)."""

    python: Path
    version: str
    prefix: Path
    is_venv: bool
    project: str | None
    project_at: Path | None
    mlflow: str | None
    torch: str | None
    pip: str | None


def venv_python(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def distribution_name(root: Path) -> str | None:
    """The name under which the project at `root` is installed, None if it is no distribution.

    Raises:
        MxError: pyproject.toml is no valid TOML.
    """
    name = pyproject(root).get("project", {}).get("name")
    return name if isinstance(name, str) else None


def pyproject(root: Path) -> dict[str, Any]:
    """pyproject.toml of a project as data; empty when there is none.

    Raises:
        MxError: it cannot be read.
    """
    import tomllib

    path = root / "pyproject.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as problem:
        raise MxError(f"{path} cannot be read: {problem}.") from problem


def probe(python: Path, distribution: str | None) -> Interpreter | None:
    """Ask an interpreter what it is and has; None when it is missing or does not work. Takes 50 to 200 ms."""
    try:
        answer = subprocess.run(
            [str(python), "-c", _PROBE, distribution or ""],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=True,
        )
        facts = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Interpreter(
        # What was asked for may be a launcher (pyenv, a script); what runs is the place that a PATH needs.
        python=Path(facts["executable"] or python),
        version=facts["version"],
        prefix=Path(facts["prefix"]),
        is_venv=facts["venv"],
        project=facts["project"],
        project_at=_folder(facts["origin"]),
        mlflow=facts["mlflow"],
        torch=facts["torch"],
        pip=facts["pip"],
    )


def _folder(direct_url: str | None) -> Path | None:
    """The folder named by a `direct_url.json`, None when it names an archive, a repository or nothing."""
    try:
        origin = json.loads(direct_url or "{}")
    except ValueError:
        return None
    parts = urlsplit(origin.get("url", ""))
    return Path(unquote(parts.path)) if parts.scheme == "file" and "dir_info" in origin else None


def locate(text: str) -> Path:
    """`--python` as a path: an interpreter, the folder of an environment, or a name on PATH.

    Symbolic links are kept: an environment's `python` is one, and resolved it is another interpreter.

    Raises:
        MxError: there is nothing of that name.
    """
    path = Path(text).expanduser().absolute()
    if path.is_dir():
        path = venv_python(path)
    if path.is_file():
        return path
    on_path = shutil.which(text) if os.sep not in text else None
    if on_path:
        return Path(on_path).absolute()
    raise MxError(f"--python {text}: there is no such interpreter.")


def active(environ: Mapping[str, str]) -> Iterator[Path]:
    """The interpreters of the environments that are active, mx's own among them."""
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if environ.get(variable):
            yield venv_python(Path(environ[variable]))
    yield Path(sys.executable)


def belongs(interpreter: Interpreter, root: Path) -> bool:
    """Whether the project at `root`, and not another copy of it, is what the interpreter has installed."""
    if interpreter.project is None:
        return False
    return interpreter.project_at is None or interpreter.project_at.resolve() == root.resolve()


def choose(
    root: Path, *, explicit: str | None, environ: Mapping[str, str], need_project: bool = True
) -> Interpreter:
    """The interpreter in which the project runs: `--python`, else `.venv`, else an active environment that has it.

    Args:
        root: the project.
        explicit: what `--python` says.
        environ: the environment variables.
        need_project: whether the project itself must be installed (not for the UI).

    Raises:
        MxError: there is none, or it lacks the project or MLflow; says the commands that make it.
    """
    name = distribution_name(root)
    wanted = name if need_project else None
    own = venv_python(root / ".venv")
    if explicit is not None:
        path = locate(explicit)
        found = probe(path, name)
        if found is None:
            raise MxError(f"--python {explicit}: {path} does not work as a Python interpreter.")
        return _complete(found, root, wanted)
    # lexists: a link to a Python that was uninstalled is a broken environment, not a missing one.
    if os.path.lexists(root / ".venv"):
        found = probe(own, name)
        if found is None:
            raise MxError(f"{root / '.venv'} has no Python that works.", hint=_how(root))
        return _complete(found, root, wanted)
    for path in active(environ):
        found = probe(path, name)
        if found and name and belongs(found, root):
            return _complete(found, root, wanted)
        if found and found.mlflow and not wanted:
            return found
    what = f"{name} installed" if wanted else "MLflow installed"
    raise MxError(
        f"no Python environment has {what}: {root / '.venv'} does not exist, and no active environment has it.",
        hint=_how(root),
    )


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
        from mxdev.flow.packages import install

        command = " && ".join(shlex.join(step) for step in install(found, ["mlflow"]))
        raise MxError(
            f"MLflow is not installed in {found.prefix}: install it with `{command}`, or run `mx flow run --setup`."
        )
    return found


def _how(root: Path, found: Interpreter | None = None) -> str:
    """The commands that make the environment, ready to be pasted."""
    from mxdev.flow.packages import commands

    lines = ["`mx flow run --setup` makes it; by hand:", f"    cd {shlex.quote(str(root))}"]
    lines += [f"    {shlex.join(command)}" for command in commands(root, into=found)]
    return "\n".join(lines)
