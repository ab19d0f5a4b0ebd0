"""Finds the interpreter in which a project runs, and says what is missing in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mxdev.errors import MxError
from mxdev.system.files import plain

# Runs inside the other interpreter, which may be old or broken: standard library only, no import of anything heavy.
# That one is isolated (-I): no module beside, none that PYTHONPATH names, is imported by it. What is installed there, and
# for the user, counts all the same, and is only looked at. `direct_url.json` is PEP 610: it says from which folder a
# distribution was installed.
_PROBE = """
import json, os, site, sys
import importlib.metadata as metadata
places = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if os.path.isabs(p)] + sys.path
if sys.prefix == sys.base_prefix:
    places.append(site.getusersitepackages())
def found(*names):
    for name in names:
        for distribution in metadata.distributions(name=name, path=places):
            return distribution
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
    """The name under which the project at `root` is installed, None if it is not a distribution.

    Raises:
        MxError: pyproject.toml is not valid TOML.
    """
    name = pyproject(root).get("project", {}).get("name")
    return name if isinstance(name, str) else None


def pyproject(root: Path) -> dict[str, Any]:
    """pyproject.toml of a project as data; empty when there is none.

    Raises:
        MxError: it cannot be read, or what mx looks at in `project` has another shape than the standard says
            (https://packaging.python.org/en/latest/specifications/pyproject-toml/).
    """
    import tomllib

    path = root / "pyproject.toml"
    try:
        found = tomllib.loads(plain.text(path))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as problem:
        raise MxError(f"{path} cannot be read: {problem}.") from problem
    for key, shape in _misshapen(found.get("project", {})):
        raise MxError(
            f"{path}: `{key}` must be {shape}.", hint="Correct the file, then run the command again."
        )
    return found


def _misshapen(project: Any) -> Iterator[tuple[str, str]]:
    """What has another shape than the standard says, and what it must be."""
    if not isinstance(project, dict):
        yield "project", "a table"
        return
    for key in ("name", "requires-python"):
        if not isinstance(project.get(key, ""), str):
            yield f"project.{key}", "text"
    if not _is_texts(project.get("dependencies", [])):
        yield "project.dependencies", "a list of texts"
    extras = project.get("optional-dependencies", {})
    if not isinstance(extras, dict) or not all(map(_is_texts, extras.values())):
        yield "project.optional-dependencies", "a table of lists of texts"


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def probe(python: Path, distribution: str | None) -> Interpreter | None:
    """Ask an interpreter what it is and has; None when it is missing or does not work. Takes 50 to 200 ms."""
    try:
        answer = subprocess.run(
            [str(python), "-I", "-c", _PROBE, distribution or ""],
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
        project_at=folder_of(facts["origin"]),
        mlflow=facts["mlflow"],
        torch=facts["torch"],
        pip=facts["pip"],
    )


def folder_of(direct_url: str | None) -> Path | None:
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
