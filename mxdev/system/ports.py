"""Ports of this machine: whether one can be listened on, and who does."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

from mxdev.errors import MxError


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


def free_port(host: str, first: int, most: int = 50) -> int:
    """The first port from `first` on that can be listened on.

    Raises:
        MxError: none of `most` ports can; of the first one, says who has it.
    """
    problem: MxError | None = None
    for port in range(first, min(first + most, 65536)):
        try:
            check_port(host, port)
        except MxError as error:
            problem = problem or error
            if not isinstance(error.__cause__, OSError) or error.__cause__.errno != errno.EADDRINUSE:
                raise
        else:
            return port
    assert problem is not None  # there was one port at least
    raise problem


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
