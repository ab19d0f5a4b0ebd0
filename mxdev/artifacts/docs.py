"""`mx build docs`: Sphinx, in the interpreter that has the project, because the reference is read from its code."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from mxdev.artifacts.running import call
from mxdev.environment.choose import choose
from mxdev.environment.interpreter import Interpreter
from mxdev.environment.on_disk import environment_of, has
from mxdev.errors import MxError
from mxdev.system import console

SOURCE = "docs"
SITE = "docs/_build/html"


def build(root: Path, *, output: Path | None, python: str | None, dry_run: bool) -> int:
    """Build the documentation of the project at `root`; Sphinx's exit code.

    Args:
        root: the project.
        output: the folder for the pages; None: `docs/_build/html`.
        python: the interpreter, as `--python` says it.
        dry_run: print the command instead.

    Raises:
        MxError: there is no documentation, no interpreter that has the project, or no Sphinx in it.
    """
    if not (root / SOURCE / "conf.py").is_file():
        raise MxError(
            f"{root / SOURCE} has no conf.py, so there is no documentation to build.",
            hint="`sphinx-quickstart docs` makes one.",
        )
    found = choose(root, explicit=python, environ=os.environ, run_nothing=dry_run)
    _check(found, root, run_nothing=dry_run)
    # Links to pages that are not there and warnings are errors: the site is published by a machine.
    site = str(output or SITE)
    command = [
        str(found.python), "-m", "sphinx", "-W", "--keep-going", "-n", "-b", "html", SOURCE, site,
    ]  # fmt: skip
    code = call(command, root, dry_run=dry_run)
    if code == 0 and not dry_run:
        console.status(f"the first page is {root / site / 'index.html'}")
    return code


def _check(found: Interpreter, root: Path, *, run_nothing: bool) -> None:
    probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('sphinx') is None)"
    folder = environment_of(found.python, root) if run_nothing else None
    if folder is not None:
        missing = not has(folder, "sphinx")
    else:
        done = subprocess.run([found.python, "-I", "-c", probe], capture_output=True, check=False)
        missing = done.returncode != 0
    if missing:
        raise MxError(
            f"Sphinx is not installed in {found.prefix}.",
            hint="The extra `dev` has it: `mx flow run --setup`, or `uv pip install -e '.[dev]'`.",
        )
