"""`mx flow ui`: MLflow's own web interface on the store that runs go to."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from mxdev.environment.choose import choose
from mxdev.environment.local_folder import through
from mxdev.errors import INTERRUPTED, MxError
from mxdev.flow import tracking
from mxdev.system import console, foreground
from mxdev.system.ports import check_port, free_port

PORT = 5000


def serve(
    root: Path,
    *,
    host: str,
    port: int | None,
    python: str | None,
    environ: Mapping[str, str],
    environment: str | None = None,
) -> int:
    """Run MLflow's server until ^C.

    Args:
        root: the project.
        host: the address to listen on.
        port: the port to listen on; None: 5000, or the next that is free.
        python: `--python`.
        environ: the environment variables.
        environment: `-E`, whose tracking server it is.

    Returns:
        MLflow's exit code; 0 when ^C ended it, which is how it is meant to end.

    Raises:
        MxError: it cannot be started.
    """
    store = tracking.store(root, environ, environment)
    if store.is_server:
        by = "`mx flow connect` reaches" if store.connection else "MLFLOW_TRACKING_URI names"
        console.err(f"{by} a server, which has its own page:")
        console.out(tracking.page(store))
        return 0
    interpreter = choose(root, explicit=python, environ=environ, need_project=False, run_nothing=True)
    if port is None:
        port = free_port(host, PORT)
    else:
        check_port(host, port)
    tracking.prepare(root, store)
    program = through(root, interpreter.python)
    command = [str(program), "-m", "mlflow", "server", "--host", host, "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", store.uri]
    if store.artifacts:
        command += ["--default-artifact-root", store.artifacts]
    variables = {
        key: value
        for key, value in environ.items()
        if key not in ("PYTHONHOME", "MLFLOW_TRACKING_URI", "PYTHONPATH")
    }
    # MLflow starts Python processes of its own, which would import what lies in the current folder.
    variables["PYTHONSAFEPATH"] = "1"
    if kept := _elsewhere(environ.get("PYTHONPATH", ""), root):
        variables["PYTHONPATH"] = kept
    # Eight more processes that only evaluate language models.
    variables.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    variables["PATH"] = os.pathsep.join([str(program.parent), environ.get("PATH", os.defpath)])
    address = f"http://{_in_url(host)}:{port}"
    console.status(f"starting MLflow's UI for {tracking.shown(store)}; ^C ends it")

    def announce(child: subprocess.Popen[bytes]) -> None:
        if _answers(host, port, child):
            console.err(f"open {address}")
            if console.is_terminal(sys.stdout) and console.is_terminal(sys.stdin):
                _browse(address)

    try:
        with tempfile.TemporaryDirectory(prefix="mx-flow-") as empty:
            here = root
            if _before_safe_path(interpreter.version):
                here = Path(empty)
                command += [] if store.artifacts else ["--artifacts-destination", str(root / "mlartifacts")]
            ended = foreground.run(command, cwd=here, environ=variables, meanwhile=announce, server=True)
    except OSError as problem:
        raise MxError(f"`{shlex.join(command)}` could not be started: {problem}.") from problem
    return 0 if ended.interrupted and ended.code == INTERRUPTED else ended.code


def _browse(address: str) -> None:
    """Open the person's browser, where there is one that has a window of its own: another would take the terminal."""
    import webbrowser

    screen = (
        os.name == "nt"
        or sys.platform == "darwin"
        or os.environ.get("DISPLAY")
        or os.environ.get("WAYLAND_DISPLAY")
    )
    if screen or os.environ.get("BROWSER"):
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(address)


def _before_safe_path(version: str) -> bool:
    """Whether a Python knows no PYTHONSAFEPATH, so that it must be started where nothing lies."""
    return [int(part) for part in version.split(".")[:2]] < [3, 11]


def _elsewhere(path: str, root: Path) -> str:
    """What of PYTHONPATH is not in the project."""
    parts = [part for part in path.split(os.pathsep) if os.path.isabs(part)]  # noqa: PTH117
    return os.pathsep.join(part for part in parts if not Path(part).resolve().is_relative_to(root.resolve()))


def _in_url(host: str) -> str:
    """An address that a browser opens."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _answers(host: str, port: int, child: subprocess.Popen[bytes]) -> bool:
    """Wait until the server listens; False when it ended before."""
    target = "127.0.0.1" if host in ("0.0.0.0", "") else host  # noqa: S104
    while child.returncode is None:
        try:
            with socket.create_connection((target, port), timeout=1):
                return True
        except OSError:
            time.sleep(0.2)
    return False
