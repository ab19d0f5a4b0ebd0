"""Starts the worker: one process that serves all requests of this one, or one for a request that talks to a person."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from mxdev_generators.template import worker

# -P: modules beside the worker are not to be found for others of the same name.
_COMMAND = [sys.executable, "-P", os.fspath(worker.__file__)]
_PATIENCE = 60  # seconds
_server: subprocess.Popen[str] | None = None


def run(
    question: Path, answer: Path, environment: Mapping[str, str], folder: Path, *, talks: bool,
    limit: int | None = None, wait: Callable[[], None] = lambda: None,
) -> int:  # fmt: skip
    """Have a request answered.

    Args:
        question: the file with the request.
        answer: the file that the worker writes.
        environment: the variables that it works with.
        folder: the folder that it works in.
        talks: it asks a person, on this process's terminal.
        limit: seconds after which it is stopped; None for as long as it takes. A person is given all the time they need.
        wait: called when it has taken a minute.

    Returns:
        The worker's exit status; 0 does not say that the request succeeded.

    Raises:
        TimeoutError: it was stopped.
    """
    if talks or not hasattr(os, "fork"):
        command = [*_COMMAND, os.fspath(question), os.fspath(answer)]
        quiet = None if talks else subprocess.DEVNULL
        try:
            done = subprocess.run(
                command, env=_fixed(environment), cwd=folder, check=False, stdin=quiet,
                timeout=None if talks else limit,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise TimeoutError from error
        return done.returncode
    server = _started()
    assert server.stdin is not None
    assert server.stdout is not None
    line = json.dumps(
        [os.fspath(question), os.fspath(answer), dict(environment), os.fspath(folder), limit or 0]
    )
    try:
        server.stdin.write(line + "\n")
        server.stdin.flush()
        # A line is all that comes, so nothing of it is in the buffer before it can be seen here.
        if not select.select([server.stdout], [], [], _PATIENCE)[0]:
            wait()
        status = int(server.stdout.readline() or -1)
    except BaseException:
        stop()  # ^C: what comes now would be taken for the answer to the next request
        raise
    if status == signal.SIGALRM:
        raise TimeoutError
    return status


def _started() -> subprocess.Popen[str]:
    global _server
    if _server is None or _server.poll() is not None:
        _server = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=tempfile.gettempdir(),
            env=_fixed(os.environ),
        )
        atexit.register(stop)
    return _server


def _fixed(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what means another folder of modules wherever the process happens to be."""
    folders = environment.get("PYTHONPATH", "").split(os.pathsep)
    kept = os.pathsep.join(folder for folder in folders if Path(folder).is_absolute())
    return {**environment, "PYTHONPATH": kept} if "PYTHONPATH" in environment else dict(environment)


def stop() -> None:
    """End the server."""
    global _server
    if _server is not None:
        for pipe in (_server.stdin, _server.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        _server.wait()
        _server = None
