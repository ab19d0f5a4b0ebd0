"""`mx build docs`: Sphinx, in the interpreter that has the project, because the reference is read from its code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mxdev.artifacts.running import call
from mxdev.environment import packages
from mxdev.environment.choose import choose
from mxdev.environment.interpreter import Interpreter
from mxdev.environment.on_disk import environment_of, has
from mxdev.errors import MxError
from mxdev.system import console
from mxdev.system.files import plain

SOURCE = "docs"
SITE = "docs/_build/html"
# The picture of the project, made anew for each build and gone after it, so that no page shows an old one.
PICTURE = "_build/graph.svg"


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
    if not _shows_picture(root):
        code = call(command, root, dry_run=dry_run)
    else:
        _draw(root, dry_run=dry_run)
        try:
            code = call(command, root, dry_run=dry_run)
        finally:
            if not dry_run:
                (root / SOURCE / PICTURE).unlink(missing_ok=True)
    if code == 0 and not dry_run:
        console.status(f"the first page is {root / site / 'index.html'}")
    return code


def _shows_picture(root: Path) -> bool:
    """Whether a page shows the picture of the project."""
    pages = (path for suffix in ("md", "rst") for path in (root / SOURCE).glob(f"*.{suffix}"))
    return any(PICTURE.encode() in plain.read(path) for path in pages if path.is_file())


def _draw(root: Path, *, dry_run: bool) -> None:
    """Make the picture. Terraform may accept what `mx graph` cannot read: then the page is left out, and the rest is built."""
    place = f"{SOURCE}/{PICTURE}"
    if not dry_run:
        (root / place).unlink(missing_ok=True)
    # -P: no module of the project is taken for one of mx.
    code = call([sys.executable, "-P", "-m", "mxdev", "graph", "--output", place], root, dry_run=dry_run)
    if code:
        console.warn("there is no picture of the project, so the page that shows it is left out.")


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
            hint=f"The extra `dev` has it: `mx flow run --setup`, or `{packages.remedy(found, ['--editable', '.[dev]'])}`.",
        )
