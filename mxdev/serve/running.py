"""Runs one line of the table: the project's interpreter, its store, a port that is free."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
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
    interpreter = choose(root, explicit=python, environ=environ)
    program = through(root, interpreter.python)
    check(program, what.name, what.requires)
    if port is None:
        port = free_port(host, what.port)
    else:
        check_port(host, port)
    store = tracking.store(root, environ)
    tracking.prepare(root, store)
    command = [word.replace("{host}", host).replace("{port}", str(port)) for word in what.command]
    if command[0] == "python":
        command[0] = str(program)
    folder = str(program.parent)
    variables = {
        **{key: value for key, value in environ.items() if key != "PYTHONHOME"},
        **tracking.variables(store),
        "PATH": os.pathsep.join([folder, environ.get("PATH", os.defpath)]),
    }
    console.status(f"{what.title}: http://{host}:{port}{what.path}; ^C ends it")
    try:
        ended = foreground.run(command, cwd=root, environ=variables, server=True)
    except OSError as problem:
        raise MxError(f"`{shlex.join(command)}` could not be started: {problem}.") from problem
    return 0 if ended.interrupted and ended.code == INTERRUPTED else ended.code
