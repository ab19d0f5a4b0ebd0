"""Runs one line of the table: the project's interpreter, its store, a port that is free."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mxdev.environment.choose import choose
from mxdev.environment.installed import check
from mxdev.environment.local_folder import through
from mxdev.errors import INTERRUPTED, MxError
from mxdev.flow import tracking
from mxdev.serve.served import Served
from mxdev.system import console, foreground
from mxdev.system.ports import check_port, free_port


def run(
    root: Path, what: Served, *, host: str, port: int | None, python: str | None, environ: Mapping[str, str]
) -> int:
    """Serve `what` until ^C.

    Args:
        root: the project.
        what: a line of the table.
        host: the address to listen on.
        port: the port; None: its own, or the next that is free.
        python: `--python`.
        environ: the environment variables.

    Returns:
        the program's exit code; 0 when ^C ended it, which is how it is meant to end.

    Raises:
        MxError: it cannot be started; says what is missing.
    """
    found = program(root, what.command, python=python, environ=environ, needs=what)
    if port is None:
        port = free_port(host, what.port)
    else:
        check_port(host, port)
    command = [word.replace("{host}", host).replace("{port}", str(port)) for word in found.command]
    console.status(f"{what.title}: http://{host}:{port}{what.path}; ^C ends it")
    try:
        ended = foreground.run(command, cwd=root, environ=found.variables, server=True)
    except OSError as problem:
        raise MxError(f"`{shlex.join(command)}` could not be started: {problem}.") from problem
    return 0 if ended.interrupted and ended.code == INTERRUPTED else ended.code


@dataclass(frozen=True)
class Program:
    """A program of the project that is ready to be started: its words, its environment variables, the store that it uses."""

    command: tuple[str, ...]
    variables: Mapping[str, str]
    store: tracking.Store


def program(
    root: Path,
    words: Sequence[str],
    *,
    python: str | None,
    environ: Mapping[str, str],
    needs: Served | None = None,
    environment: str | None = None,
) -> Program:
    """Get one ready: the project's interpreter in place of `python`, and its store, which is that of `environment`.

    Raises:
        Refused: there is no such environment.
        MxError: there is no interpreter, it lacks what `needs` requires, or nothing leads to the store, or it does not answer.
    """
    interpreter = choose(root, explicit=python, environ=environ)
    own = through(root, interpreter.python)
    if needs is not None:
        check(interpreter, needs.name, needs.requires)
    store = tracking.store(root, environ, environment)
    tracking.prepare(root, store)
    variables = {
        **{key: value for key, value in environ.items() if key != "PYTHONHOME"},
        **tracking.variables(store),
        "PATH": os.pathsep.join([str(own.parent), environ.get("PATH", os.defpath)]),
    }
    first, *rest = words
    return Program((str(own) if first == "python" else first, *rest), variables, store)
