"""`mx dev` on a real API server: what is shown, what starts, and what is handed to DevSpace, of which there is a stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest
from control_plane.control_plane import ControlPlane
from deploy.deployed import Deployed

pytestmark = pytest.mark.noted()

# Keeps how it was called. It is not a DevSpace.
DEVSPACE = """\
#!/bin/sh
[ "$1" = --version ] && { echo "devspace version 6.3.21"; exit 0; }
echo "$*" > "$CALLS"
"""


@pytest.fixture
def deployed(tmp_path: Path, control_plane: ControlPlane) -> Deployed:
    found = Deployed(tmp_path, control_plane, "DebugPod")
    found.connect()
    control_plane.made.append(found.name)
    return found


def test_the_pod_is_started_and_the_rest_is_devspaces(deployed: Deployed, tmp_path: Path) -> None:
    assert deployed.mx("deploy", "debug").code == 0
    first = deployed.json("dev", "--dry-run")["steps"]
    assert [(one["name"], one["state"]) for one in first] == [
        ("cluster", "done"),
        ("deploy-debug", "done"),
        ("debug-pod", "blocked"),
    ]
    assert "`mx build image dev --push`" in first[2]["remedy"]
    assert deployed.mx("set", "DebugPod.tag=4f2a", "--no-input").code == 0
    assert deployed.mx("deploy", "debug").code == 0
    assert deployed.states("dev")["debug-pod"] == "create"

    program, calls = deployed.bin / "devspace", tmp_path / "calls"
    program.write_text(DEVSPACE)
    program.chmod(0o755)
    done = deployed.mx("dev", "--yes", env={"CALLS": str(calls)})
    assert done.code == 0, done.stdout + done.stderr
    assert (
        calls.read_text() == f"dev --kube-context mx-{deployed.name} --namespace {deployed.name} --no-warn\n"
    )
    found = deployed.plane.get("statefulset", "debug", "--namespace", deployed.name)
    assert (found["spec"]["replicas"], found["status"]["readyReplicas"]) == (1, 1)
    assert deployed.states("dev")["debug-pod"] == "done"


def test_a_project_without_a_debug_pod_is_told_how_to_get_one(
    tmp_path: Path, control_plane: ControlPlane
) -> None:
    deployed = Deployed(tmp_path, control_plane)
    done = deployed.mx("dev")
    assert done.code == 2
    assert "`mx generate DebugPod`" in done.stderr
