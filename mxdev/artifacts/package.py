"""`mx build package`: the sdist and the wheel, with uv where it is, else with the module `build`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mxdev.artifacts.running import call
from mxdev.environment.interpreter import venv_python
from mxdev.environment.on_disk import environment_of, has
from mxdev.environment.packages import uv
from mxdev.errors import MxError
from mxdev.system import console

FOLDER = "dist"


def build(root: Path, *, output: Path | None, dry_run: bool) -> int:
    """Build the package of the project at `root`; the exit code of the tool.

    Args:
        root: the project.
        output: the folder for both files; None: `dist`.
        dry_run: print the command instead.

    Raises:
        MxError: there is nothing to build, or no tool that can.
    """
    if not (root / "pyproject.toml").is_file():
        raise MxError(f"{root} has no pyproject.toml, so nothing says what the package is.")
    folder = output or Path(FOLDER)
    before = _packages(root / folder)
    code = call([*_tool(root, run_nothing=dry_run), str(folder)], root, dry_run=dry_run)
    if code == 0 and not dry_run:
        for path, made in _packages(root / folder).items():
            if before.get(path) != made:
                console.status(f"built {path}")
    return code


def _packages(folder: Path) -> dict[Path, int]:
    """The packages in `folder`, and when each was written (ns)."""
    found = sorted(path for path in folder.glob("*") if path.suffix in (".whl", ".gz"))
    return {path: path.stat().st_mtime_ns for path in found}


def _tool(root: Path, *, run_nothing: bool) -> list[str]:
    """The words before the output folder; with `run_nothing` no program of the project's environment is run to know."""
    own = venv_python(root / ".venv")
    program = uv(beside=own)
    if program:
        # `--no-sources`: as others will build it, without what only this machine has.
        return [program, "build", "--no-sources", "--out-dir"]
    for python in (own, Path(sys.executable)):
        if _has_build(python, root, run_nothing=run_nothing):
            # -I: a folder `build` of the project is not the module.
            return [str(python), "-I", "-m", "build", "--outdir"]
    raise MxError(
        "neither uv nor the Python module `build` is installed, and one of them has to make the package.",
        hint="Install uv: https://docs.astral.sh/uv/getting-started/installation/, or `pip install uv`.",
    )


def _has_build(python: Path, root: Path, *, run_nothing: bool) -> bool:
    folder = environment_of(python, root)
    if run_nothing and folder is not None:
        return has(folder, "build")
    try:
        done = subprocess.run([python, "-I", "-m", "build", "--version"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0
