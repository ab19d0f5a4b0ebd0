"""Runs a script of `inside/` in the project's interpreter, and hands back its answer."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mxdev.errors import SAYS_NO, MxError

_EXTRAS = {"gs": "gcs", "gcs": "gcs", "s3": "s3", "s3a": "s3"}


def call(root: Path, script: str, job: Mapping[str, Any], python: str | None = None) -> dict[str, Any]:
    """Do a job in the project's interpreter; its progress goes to stderr.

    Args:
        root: the project.
        script: a file of `inside/`, without `.py`.
        job: what is to be done; passwords in it are on no command line.
        python: `--python`.

    Raises:
        MxError: there is no interpreter, a package is missing, or the job failed.
    """
    from mxdev.environment import packages
    from mxdev.environment.choose import choose
    from mxdev.system import programs

    # Whoever only wants to see a list runs nothing that came with the project.
    found = choose(root, explicit=python, environ=os.environ, need_project=False, run_nothing=True)
    path = Path(__file__).parent / "inside" / f"{script}.py"
    with tempfile.TemporaryDirectory(prefix="mx-data-") as folder:
        place = Path(folder, "answer.json")
        done = programs.run(
            [str(found.python), str(path)],
            cwd=root,
            env=dict.fromkeys(("PYTHONHOME", "PYTHONPATH")),
            input=json.dumps({**job, "answer": str(place)}).encode(),
        )
        try:
            told: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
        except (OSError, ValueError) as problem:
            raise MxError(
                f"{path.name} ended with {done.code} and said nothing in {found.python}."
            ) from problem
    if "missing" in told:
        raise MxError(
            f"{told['error']} in {found.prefix}.",
            hint=f"Install it: `{packages.remedy(found, _packages(told))}`.",
        )
    if "refused" in told:
        raise MxError(told["error"], code=SAYS_NO)
    if "error" in told:
        raise MxError(told["error"])
    return told


def _packages(told: Mapping[str, Any]) -> list[str]:
    if str(told["missing"]).partition(".")[0] == "cvat_sdk":
        return ["cvat-sdk>=2.80,<3"]
    extra = _EXTRAS.get(str(told["uri"]).partition("://")[0])
    return ["--editable", f".[{extra}]"] if extra else ["fsspec"]
