"""`mx doctor`: what is wrong is found, with its remedy; what is right is not a problem."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from mxdev.doctor import machine
from mxdev.testing import mx


@pytest.fixture
def project(tmp_path: Path) -> Path:
    given = ("MLProjectSkeleton", "churn", "--cloud", "existing", "--no-input", "--skip-git")
    done = mx("generate", *given, cwd=tmp_path)
    assert done.code == 0, done.stderr
    return tmp_path / "churn"


def findings(root: Path, **env: str) -> tuple[int, dict[str, dict[str, Any]]]:
    nowhere = {"KUBECONFIG": str(root / "no-kubeconfig"), **env}
    done = mx("doctor", "--json", cwd=root, env=nowhere)
    said = json.loads(done.stdout)
    assert said["outcome"] == ("problems" if done.code else "healthy")
    return done.code, {one["name"]: one for one in said["findings"]}


def test_where_nothing_is_wrong_it_exits_with_0(project: Path) -> None:
    code, found = findings(project)
    assert code == 0, [one for one in found.values() if one["state"] == "problem"]
    assert found["tool-git"]["state"] == found["tool-kubectl"]["state"] == found["state"]["state"] == "ok"
    assert found["plugin-mx-devtool"]["state"] == "ok"
    assert found["cluster"]["text"] == "not connected; `mx connect` does it"
    assert found["tool-git"]["text"]


def test_each_problem_has_its_remedy_and_it_exits_with_1(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").symlink_to(shutil.which("git") or "git")
    code, found = findings(project, PATH=str(folder))
    assert (code, found["tool-kubectl"]["state"], found["tool-kubectl"]["text"]) == (
        1,
        "problem",
        "is missing",
    )
    assert "kubernetes.io" in found["tool-kubectl"]["remedy"]
    for script, text in (
        ("echo 'devspace version 5.0.0'", "5.0.0 is older than 6.3"),
        ("echo rubbish", "does not say its version"),
        ("exit 1", "does not say its version (exit code 1)"),
    ):
        (folder / "devspace").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "devspace").chmod(0o755)
        assert text in findings(project, PATH=str(folder))[1]["tool-devspace"]["text"]


def test_broken_records_are_found(project: Path) -> None:
    record = next((project / ".mx/generators").glob("*.yaml"))
    record.write_text("a: [")
    code, found = findings(project)
    assert (code, found["state"]["state"]) == (1, "problem")
    assert record.name in found["state"]["text"]


def test_a_kubeconfig_that_is_none_and_a_cluster_that_is_away_are_found(
    project: Path, tmp_path: Path
) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text("clusters: 7")
    assert findings(project, KUBECONFIG=str(config))[1]["cluster"]["state"] == "problem"
    config.write_text(
        "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: c, user: {token: x}}]\n"
        "contexts: [{name: mx-churn, context: {cluster: c, user: c}}]\n"
    )
    code, found = findings(project, KUBECONFIG=str(config))
    assert (code, found["cluster"]["state"], found["clock"]["state"]) == (1, "problem", "unknown")
    assert "does not answer" in found["cluster"]["text"]


def test_outside_of_a_project_it_looks_at_the_machine(tmp_path: Path) -> None:
    code, found = findings(tmp_path)
    assert code == 0
    assert "state" not in found
    assert found["disk-cache"]["state"] == "ok"


@pytest.fixture
def server() -> Iterator[tuple[str, list[float]]]:
    """A server whose clock is off by what the list says."""
    off = [0.0]

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(403)
            self.send_header("Date", formatdate(time.time() + off[0], usegmt=True))
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    found = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{found.server_port}", off
    found.shutdown()
    found.server_close()


def test_a_clock_that_is_wrong_is_found(server: tuple[str, list[float]]) -> None:
    url, off = server
    assert next(machine.clock(url)).state == "ok"
    off[0] = 300
    slow = next(machine.clock(url))
    assert slow.state == "problem"
    assert "slow" in slow.text
    off[0] = -300
    assert "fast" in next(machine.clock(url)).text
    assert next(machine.clock("http://127.0.0.1:1")).state == "unknown"


def test_a_disk_that_is_full_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {one.state for one in machine.disk(tmp_path)} == {"ok"}
    monkeypatch.setattr(machine, "ROOM", 1 << 62)
    assert {one.state for one in machine.disk(tmp_path)} == {"problem"}


def test_a_place_that_only_terraform_knows_is_said(tmp_path: Path) -> None:
    given = ("MLProjectSkeleton", "churn", "--no-input", "--skip-git")
    assert mx("generate", *given, cwd=tmp_path).code == 0
    own = tmp_path / "churn/infrastructure/terraform/team.auto.tfvars"
    own.write_text('region = join("-", ["europe", "west4"])\n')
    code, found = findings(tmp_path / "churn")
    assert (code, found["place"]["state"]) == (1, "problem")
    assert "team.auto.tfvars:1: region is no plain text" in found["place"]["text"]
    assert 'region = "..."' in found["place"]["remedy"]
