"""Projects for the tests of `mx flow` on a cluster: job templates, a commit, and a tracking server made of nothing."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: replaced
  namespace: team
  labels: {app.kubernetes.io/part-of: tiny}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: replaced
          image: replaced
          command: [replaced]
          env: [{name: KEPT, value: "1"}]
"""
PYTORCH_JOB = """\
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata:
  name: replaced
  namespace: team
spec:
  pytorchReplicaSpecs:
    Master:
      replicas: 1
      restartPolicy: OnFailure
      template:
        spec: {containers: [{name: pytorch, image: replaced}]}
    Worker:
      replicas: 1
      restartPolicy: OnFailure
      template:
        spec: {containers: [{name: pytorch, image: replaced}]}
"""


def with_templates(root: Path) -> Path:
    """Give a project both templates; returns the project."""
    folder = root / "infrastructure" / "kubernetes"
    folder.mkdir(parents=True)
    (folder / "train_job.yaml").write_text(JOB)
    (folder / "distributed_job.yaml").write_text(PYTORCH_JOB)
    return root


def git(root: Path, *arguments: str) -> str:
    """Run Git, as nobody in particular."""
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def committed(root: Path) -> str:
    """Put all of a project into a commit; its hash."""
    if not (root / ".git").exists():
        git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "all")
    return git(root, "rev-parse", "HEAD")


class Tracking:
    """What a tracking server has: `runs` by id, as MLflow's API gives them; `calls` are the paths that were asked for."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.headers: dict[str, str] = {}
        self.uri = ""

    def add(self, run_id: str, status: str = "RUNNING", *, started: float = 0, **tags: str) -> None:
        """A run; of tags, `mx_job` stands for `mx.job`."""
        self.runs[run_id] = {
            "info": {
                "run_id": run_id,
                "run_name": f"name-{run_id[:2]}",
                "status": status,
                "start_time": int(started * 1000),
            },
            "data": {"tags": [{"key": key.replace("_", "."), "value": tags[key]} for key in tags]},
        }

    def status(self, run_id: str) -> str:
        return str(self.runs[run_id]["info"]["status"])

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path.startswith("runs/get?run_id="):
            run = self.runs.get(path.partition("=")[2])
            return (200, {"run": run}) if run else (404, {"error_code": "RESOURCE_DOES_NOT_EXIST"})
        if path == "experiments/search":
            return 200, {"experiments": [{"experiment_id": "1"}]}
        if path == "runs/search":
            # Two pages, one run each; the filter is only told apart.
            found = [run for run in self.runs.values() if self._fits(run, body["filter"])]
            page = int(body.get("page_token", 0))
            more = {"next_page_token": str(page + 1)} if page + 1 < len(found) else {}
            return 200, {"runs": found[page : page + 1], **more}
        if path == "runs/update":
            self.runs[body["run_id"]]["info"]["status"] = body["status"]
            assert body["end_time"] > 1.7e12
            return 200, {}
        return 404, {"message": "no such path"}

    @staticmethod
    def _fits(run: dict[str, Any], text: str) -> bool:
        if text == "attributes.status = 'RUNNING'":
            return bool(run["info"]["status"] == "RUNNING")
        if text == "tags.`mx.trials` LIKE '%'":
            return any(tag["key"] == "mx.trials" for tag in run["data"]["tags"])
        begin = text.removeprefix("tags.`mx.job` LIKE '%/").removesuffix("%'")
        assert begin != text
        return any(tag["key"] == "mx.job" and f"/{begin}" in tag["value"] for tag in run["data"]["tags"])


@contextmanager
def tracking_server() -> Iterator[Tracking]:
    """A tracking server that knows the few calls that mx makes."""
    tracking = Tracking()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.removeprefix("/api/2.0/mlflow/")
            tracking.calls.append(path)
            tracking.headers = dict(self.headers)
            length = int(self.headers.get("Content-Length") or 0)
            code, answer = tracking.answer(path, json.loads(self.rfile.read(length) or b"{}"))
            data = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tracking.uri = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield tracking
    finally:
        server.shutdown()
        server.server_close()
