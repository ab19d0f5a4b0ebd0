"""Runs a script of `inside/`, or a module of the project, in the project's interpreter, and hands back its answer."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mxdev.errors import SAYS_NO, MxError

if TYPE_CHECKING:
    from mxdev.environment.interpreter import Interpreter

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
    from mxdev.system import programs

    path = Path(__file__).parent / "inside" / f"{script}.py"
    # Whoever only wants to see a list runs nothing that came with the project.
    found = interpreter(root, python, run_nothing=True)
    with tempfile.TemporaryDirectory(prefix="mx-data-") as folder:
        place = Path(folder, "answer.json")
        given = json.dumps({**job, "answer": str(place)}).encode()
        done = programs.run(
            [str(found.python), str(path)], cwd=root, env=dict.fromkeys(("PYTHONHOME", "PYTHONPATH")), input=given
        )  # fmt: skip
        return _answer(place, path.name, done.code, found)


def call_module(root: Path, module: str, words: Sequence[str], python: str | None = None) -> dict[str, Any]:
    """Run a module of the project in its interpreter, with the code of the working copy; what it says goes to stderr.

    Args:
        root: the project.
        module: its name.
        words: the values that it is told, as Hydra takes them; `answer` comes to them.
        python: `--python`.

    Raises:
        MxError: there is no interpreter, a package is missing, or the module failed.
    """
    from mxdev.environment import hydra_words
    from mxdev.system import foreground

    found = interpreter(root, python)
    with tempfile.TemporaryDirectory(prefix="mx-data-") as folder:
        place = Path(folder, "answer.json")
        command = [
            str(found.python),
            "-m",
            module,
            *words,
            f"answer={hydra_words.quoted(str(place), 'the folder for temporary files')}",
        ]
        kept = {name: text for name, text in os.environ.items() if name != "PYTHONHOME"}
        # Stdout is mx's own: with --json there is nothing else on it.
        ended = foreground.run(
            command, cwd=root, environ={**kept, "PYTHONPATH": str(root / "src")}, output_to_stderr=True
        )
        if ended.interrupted:
            raise KeyboardInterrupt
        return _answer(place, module, ended.code, found)


def interpreter(root: Path, python: str | None, *, run_nothing: bool = False) -> Interpreter:
    """The project's interpreter, or the one of `--python`.

    Args:
        root: the project.
        python: `--python`.
        run_nothing: an interpreter that came with the project is refused.

    Raises:
        MxError: there is none.
    """
    from mxdev.environment.choose import choose

    return choose(root, explicit=python, environ=os.environ, need_project=False, run_nothing=run_nothing)


def _answer(place: Path, what: str, code: int, found: Interpreter) -> dict[str, Any]:
    from mxdev.environment import packages

    try:
        told: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise MxError(f"{what} ended with {code} and said nothing in {found.python}.") from problem
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
