"""Serves the last report, and its metrics at a port of their own: `python -m everything.scores_monitoring.page`."""

import argparse
import os
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fsspec

# In seconds. A report is made every hour.
KEPT = 30.0
# What is answered: path -> the file below the folder of results, and its type.
PAGE = {"/": ("report.html", "text/html; charset=utf-8")}
METRICS = {"/metrics": ("metrics.prom", "text/plain; version=0.0.4; charset=utf-8")}
RESULTS = "outputs/scores/monitoring"
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
NOTHING_YET = "<!doctype html><title>scores</title><p>There is no report of scores yet.</p>\n"


class Results:
    """The folder of results, whose files are read again after a while."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._known: dict[str, tuple[float, bytes | None]] = {}
        self._lock = threading.Lock()

    def read(self, name: str) -> bytes | None:
        """A file; None: it is not there yet."""
        with self._lock:
            read, data = self._known.get(name, (float("-inf"), None))
            if time.monotonic() - read > KEPT:
                try:
                    with fsspec.open(f"{self._folder}/{name}", "rb") as file:
                        data = file.read()
                except FileNotFoundError:
                    data = None
                self._known[name] = (time.monotonic(), data)
            return data


def handler(
    results: Callable[[str], bytes | None], known: dict[str, tuple[str, str]]
) -> type[BaseHTTPRequestHandler]:
    """What answers requests: the paths in `known`, and `/healthz`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/healthz":
                self._answer(200, "text/plain", b"ok\n")
            elif path not in known:
                self._answer(404, "text/plain", b"not found\n")
            else:
                name, kind = known[path]
                data = results(name)
                # Before the first report there is nothing to measure, which is no error.
                empty = NOTHING_YET.encode() if name.endswith(".html") else b""
                self._answer(200, kind, empty if data is None else data)

        def _answer(self, status: int, kind: str, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Security-Policy", POLICY)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Probes ask every few seconds."""

    return Handler


def main() -> None:
    """Serve until the process is told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--metrics-port", type=int, default=0, help="0: the metrics are at --port")
    parser.add_argument("--results", default=os.environ.get("RESULTS", RESULTS))
    given = parser.parse_args()
    read = Results(given.results.rstrip("/")).read
    page = PAGE if given.metrics_port else PAGE | METRICS
    if given.metrics_port:
        beside = ThreadingHTTPServer((given.host, given.metrics_port), handler(read, METRICS))
        threading.Thread(target=beside.serve_forever, daemon=True).start()
    ThreadingHTTPServer((given.host, given.port), handler(read, page)).serve_forever()


if __name__ == "__main__":
    main()
