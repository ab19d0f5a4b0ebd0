"""A stand-in for Google's container, compute and project services, which the real gcloud asks; it is not a Google.

The real gcloud runs: its command line is checked by itself, and its configuration files are its own.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Google:
    """What it answers with, and what it was asked.

    Attributes:
        address: where it listens.
        endpoint: the cluster's DNS name; None: there is no cluster.
        refusal: the status and body with which every question about a cluster is refused.
    """

    address: str
    endpoint: str | None = "gke-abc.europe-west4.gke.goog"
    refusal: tuple[int, str] | None = None
    asked: list[str] = field(default_factory=list)

    def environment(self, folder: Path) -> dict[str, str]:
        """What makes gcloud ask it, with files of its own, logged in by a token."""
        token = folder / "token"
        token.write_text("no-secret")
        return {
            "CLOUDSDK_CONFIG": str(folder),
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER": f"{self.address}/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"{self.address}/compute/v1/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER": f"{self.address}/",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        }

    def answer(self, path: str) -> tuple[int, Mapping[str, object]]:
        self.asked.append(path.partition("?")[0])
        if "/regions/" in path:
            return 200, {"name": path.partition("?")[0].rpartition("/")[2]}
        if "/clusters/" not in path:
            return 200, {"projectId": "churn-model", "lifecycleState": "ACTIVE"}
        if self.refusal:
            code, message = self.refusal
            status = {403: "PERMISSION_DENIED", 404: "NOT_FOUND"}[code]
            return code, {"error": {"code": code, "message": message, "status": status}}
        if self.endpoint is None:
            message = "Not found: projects/churn-model/zones/europe-west4-b/clusters/churn-model."
            return 404, {"error": {"code": 404, "message": message, "status": "NOT_FOUND"}}
        dns = {"endpoint": self.endpoint, "allowExternalTraffic": True}
        return 200, {
            "name": "churn-model",
            "location": "europe-west4-b",
            "status": "RUNNING",
            "endpoint": "10.0.0.2",
            "masterAuth": {"clusterCaCertificate": "QUJD"},
            "controlPlaneEndpointsConfig": {"dnsEndpointConfig": dns},
        }


@contextmanager
def serving() -> Iterator[Google]:
    """Serve while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, body = google.answer(self.path)
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    google = Google(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield google
    finally:
        server.shutdown()
        server.server_close()
