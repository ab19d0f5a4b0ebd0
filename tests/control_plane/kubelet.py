"""The part of a kubelet's HTTPS server that `kubectl logs` needs."""

from __future__ import annotations

import ssl
import threading
import urllib.parse
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from control_plane.pod import Pod
from control_plane.process import now

Line = tuple[str, bytes]


class Kubelet:
    """Serves `/containerLogs/NAMESPACE/POD/CONTAINER` on a free port.

    Args:
        certificate: PEM files of the certificate and its key.
        find: The pod of a name; raises `LookupError`.
    """

    def __init__(self, certificate: tuple[Path, Path], find: Callable[[str], Pod]) -> None:
        self.stopped = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._answer(self, find)

            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing: the tests' output is theirs."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        # The handshake comes with the first read, in the request's thread: a slow client stops no other.
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Answer no more."""
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler, find: Callable[[str], Pod]) -> None:
        url = urllib.parse.urlsplit(request.path)
        options = dict(urllib.parse.parse_qsl(url.query))
        match url.path.strip("/").split("/"):
            case ["containerLogs", _, pod, container]:
                pass
            case _:
                request.send_error(404)
                return
        try:
            runs = find(pod).containers[container].runs
            run = runs[-2 if options.get("previous") == "true" else -1]
        except (LookupError, IndexError):
            message = f'container "{container}" in pod "{pod}" is waiting to start: ContainerCreating\n'
            request.send_response(400)
            request.end_headers()
            request.wfile.write(message.encode())
            return
        follow = options.get("follow") == "true"
        lines: Iterable[Line] = run.follow(self.stopped) if follow else list(run.lines)
        request.send_response(200)
        request.send_header("Content-Type", "text/plain")
        request.end_headers()
        try:
            for at, line in _wanted(list(run.lines), lines, options):
                stamp = f"{at} ".encode() if options.get("timestamps") == "true" else b""
                request.wfile.write(stamp + line)
                request.wfile.flush()
        except OSError:
            return  # Nobody listens any more.


def _wanted(so_far: list[Line], lines: Iterable[Line], options: dict[str, str]) -> Iterable[Line]:
    """The lines that were asked for: `tailLines`, `sinceTime`, `sinceSeconds`."""
    skip = max(0, len(so_far) - int(options["tailLines"])) if "tailLines" in options else 0
    since = _fraction(options.get("sinceTime", ""))
    if "sinceSeconds" in options:
        since = now(-float(options["sinceSeconds"]))
    for number, (at, line) in enumerate(lines):
        if number >= skip and at >= since:
            yield at, line


def _fraction(moment: str) -> str:
    """A time as clients write it (`2026-01-01T10:00:00Z`, or with a fraction) so that texts compare as times do."""
    whole, _, fraction = moment.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<9}Z" if whole else ""
