"""`mx flow ui`: MLflow's own web interface on the store that runs go to."""

from __future__ import annotations

import errno
import os
import shlex
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from mxdev import console
from mxdev.errors import INTERRUPTED, MxError
from mxdev.flow import foreground, tracking
from mxdev.flow.interpreter import choose
from mxdev.flow.odd_paths import through


def serve(root: Path, *, host: str, port: int, python: str | None, environ: Mapping[str, str]) -> int:
    """Run MLflow's server until ^C.

    Args:
        root: the project.
        host: the address to listen on.
        port: the port to listen on.
        python: `--python`.
        environ: the environment variables.

    Returns:
        MLflow's exit code; 0 when ^C ended it, which is how it is meant to end.

    Raises:
        MxError: it cannot be started.
    """
    store = tracking.store(root, environ)
    if store.is_server:
        by = "`mx flow connect` reaches" if store.connection else "MLFLOW_TRACKING_URI names"
        console.err(f"{by} a server, which has its own page:")
        console.out(tracking.page(store))
        return 0
    interpreter = choose(root, explicit=python, environ=environ, need_project=False)
    check_port(host, port)
    tracking.prepare(root, store)
    program = through(root, interpreter.python)
    command = [str(program), "-m", "mlflow", "server", "--host", host, "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", store.uri]
    if store.artifacts:
        command += ["--default-artifact-root", store.artifacts]
    variables = {
        key: value for key, value in environ.items() if key not in ("PYTHONHOME", "MLFLOW_TRACKING_URI")
    }
    # Eight more processes that only evaluate language models.
    variables.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    variables["PATH"] = os.pathsep.join([str(program.parent), environ.get("PATH", os.defpath)])
    address = f"http://{_in_url(host)}:{port}"
    console.status(f"starting MLflow's UI for {tracking.shown(store)}; ^C ends it")

    def announce(child: subprocess.Popen[bytes]) -> None:
        if _answers(host, port, child):
            console.err(f"open {address}")

    try:
        ended = foreground.run(command, cwd=root, environ=variables, meanwhile=announce, server=True)
    except OSError as problem:
        raise MxError(f"`{shlex.join(command)}` could not be started: {problem}.") from problem
    return 0 if ended.interrupted and ended.code == INTERRUPTED else ended.code


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


def check_port(host: str, port: int) -> None:
    """Refuse a port that cannot be listened on.

    Raises:
        MxError: it is taken, forbidden, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[
            0
        ]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do, so that connections that just ended do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            owner = owner_of(port)
            raise MxError(
                f"port {port} on {host} is taken{f' by {owner}' if owner else ''}: "
                f"end that, or choose another one with `--port {port + 1 if port < 65535 else 5000}`."
            ) from problem
        raise MxError(f"{host}:{port} cannot be listened on: {problem.strerror or problem}.") from problem


def owner_of(port: int) -> str | None:
    """The program that listens on a TCP port and its process id, where /proc says so (proc(5))."""
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            # local address is HEX:HEXPORT, state 0A is LISTEN, field 9 the inode.
            if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                sockets.add(f"socket:[{fields[9]}]")
    if not sockets:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(_link(file) in sockets for file in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue
    return None


def _link(file: Path) -> str | None:
    """Where a link leads; None when it is gone since the folder was listed."""
    try:
        return str(file.readlink())
    except OSError:
        return None
