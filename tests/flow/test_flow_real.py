"""The real MLflow, in a project whose path has every awkward character, through to the web interface."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from control_plane.programs import free_port
from flow_projects import MX, clean, environment, install, mx, project
from ml_environment import ml_python

pytestmark = pytest.mark.noted()

__all__ = ["ml_python"]

TRAINER = """\
import sys
import mlflow
with mlflow.start_run():
    mlflow.log_text(sys.argv[2], "note.txt")
    mlflow.log_metric("test_accuracy", 0.975)
"""
NOTE = 'it\'s $HOME "q" ü; * %'


@pytest.fixture(scope="module")
def root(ml_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project; its environment has none of its own packages but sees those of `ml_python`."""
    root = project(tmp_path_factory.mktemp("real") / "it's a #1 50%41? ünï proj")
    (root / "src" / "tiny" / "trainer.py").write_text(TRAINER)
    packages = environment(root / ".venv", ml_python)
    install(packages, "tiny", root)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    real = subprocess.run([ml_python, "-c", where], capture_output=True, text=True, check=True).stdout
    (packages / "ml.pth").write_text(real)
    return root


@pytest.fixture(scope="module")
def trained(root: Path) -> subprocess.CompletedProcess[str]:
    """One run of the default entry point."""
    return mx("flow", "run", "-P", f"note={NOTE}", "--run-name", "first", cwd=root)


def test_training(root: Path, trained: subprocess.CompletedProcess[str]) -> None:
    assert trained.returncode == 0, trained.stderr
    run = re.search(r"^run      ([0-9a-f]{32}) \(first\): FINISHED$", trained.stderr, re.MULTILINE)
    assert run, trained.stderr
    assert "metrics  test_accuracy = 0.975" in trained.stderr
    note = root / ".mlflow" / "artifacts" / run[1] / "artifacts" / "note.txt"
    assert note.read_text() == NOTE
    assert (root / ".mlflow" / "mlflow.db").exists()
    assert not [path for path in root.iterdir() if path.name in ("mlruns", "mlflow.db", "mlartifacts")]


def test_a_failing_entry_point(root: Path, trained: subprocess.CompletedProcess[str]) -> None:
    done = mx("flow", "run", "-e", "fail", cwd=root)
    assert done.returncode == 1
    assert re.search(r"^run      [0-9a-f]{32} \(.+\): FAILED$", done.stderr, re.MULTILINE), done.stderr


def test_the_web_interface(root: Path, trained: subprocess.CompletedProcess[str]) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [*MX, "flow", "ui", "--port", str(port)],
        cwd=root,
        env=clean(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 300
        while True:
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5)
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, server.communicate()[0]
                assert time.monotonic() < deadline, "it does not answer"
                time.sleep(0.3)
        experiment = fetch(f"{address}/api/2.0/mlflow/experiments/get-by-name?experiment_name=tiny")[
            "experiment"
        ]
        query = json.dumps({"experiment_ids": [experiment["experiment_id"]]}).encode()
        runs = fetch(f"{address}/api/2.0/mlflow/runs/search", query)["runs"]
        first = next(run["info"] for run in runs if run["info"]["run_name"] == "first")
        with urllib.request.urlopen(
            f"{address}/get-artifact?path=note.txt&run_id={first['run_id']}"
        ) as answer:
            assert answer.read().decode() == NOTE
        with urllib.request.urlopen(address) as answer:
            assert b"MLflow" in answer.read()

        second = mx("flow", "ui", "--port", str(port), cwd=root)
        assert second.returncode == 4
        assert f"port {port} on 127.0.0.1 is taken by python" in second.stderr
    finally:
        server.send_signal(signal.SIGINT)
        output = server.communicate(timeout=60)[0]
    assert server.returncode == 0, output
    assert f"open {address}\n" in output
    assert "Traceback" not in output
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "nothing listens any more"


def fetch(url: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
