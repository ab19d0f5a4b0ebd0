"""`mx status --live` on a real API server: what is rendered, edited and deployed, and the commit of what runs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from control_plane.control_plane import ControlPlane
from deploy.deployed import Deployed

pytestmark = pytest.mark.noted()


def live(deployed: Deployed, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = deployed.mx("status", "--live", "--json", *arguments)
    said = json.loads(done.stdout)
    assert said["error"] is None, said
    return done.code, {part["name"]: part for part in said["live"]}


def git(root: Path, *words: str) -> str:
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    done = subprocess.run(["git", *author, *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_rendered_edited_and_deployed(tmp_path: Path, control_plane: ControlPlane) -> None:
    deployed = Deployed(tmp_path, control_plane, "GitLabCI")
    control_plane.made.append(deployed.name)
    code, parts = live(deployed, "--exit-code")
    assert (code, parts["MLProjectSkeleton"]["deployed"]) == (4, "unknown")
    assert parts["MLProjectSkeleton"]["text"] == "not connected; `mx connect` does it"
    assert "Terraform" not in parts

    deployed.connect()
    code, parts = live(deployed, "--exit-code")
    assert (code, parts["MLProjectSkeleton"]["deployed"], parts["GitLabCI"]["deployed"]) == (
        1,
        "absent",
        "absent",
    )
    assert parts["MLProjectSkeleton"]["text"] == "train-infrastructure: not deployed"
    assert parts["MLProjectSkeleton"]["remedy"] == "mx deploy train-infrastructure"

    assert deployed.mx("deploy").code == 0
    code, parts = live(deployed, "--exit-code")
    assert (code, parts["MLProjectSkeleton"]["deployed"], parts["GitLabCI"]["deployed"]) == (
        0,
        "same",
        "same",
    )
    assert (parts["MLProjectSkeleton"]["rendered"], parts["MLProjectSkeleton"]["edited"]) == ("up to date", 0)
    assert parts["images"]["text"] == "there is no commit to compare with"

    manifest = deployed.root / "infrastructure/kubernetes/train-infrastructure/postgresql.yaml"
    manifest.write_text(manifest.read_text().replace("port: 5432", "port: 5433", 1))
    shown = deployed.mx("status", "--live")
    (row,) = [line for line in shown.stdout.splitlines() if line.startswith("MLProjectSkeleton")]
    assert row.split()[1:5] == ["up", "to", "date", "1"]
    assert row.endswith("train-infrastructure: Service postgresql")
    assert "  mx deploy train-infrastructure\n" in shown.stdout


def test_the_commit_of_what_runs(tmp_path: Path, control_plane: ControlPlane) -> None:
    deployed = Deployed(tmp_path, control_plane)
    control_plane.made.append(deployed.name)
    deployed.connect()
    control_plane.kubectl("create", "namespace", deployed.name)
    git(deployed.root, "init", "--quiet")
    git(deployed.root, "add", "--all")
    git(deployed.root, "commit", "--quiet", "--message", "first")
    first = git(deployed.root, "rev-parse", "HEAD")
    _, parts = live(deployed)
    assert (parts["images"]["deployed"], parts["images"]["edited"]) == ("nothing", 0)

    there = ("--namespace", deployed.name)
    control_plane.kubectl(
        "create", "deployment", "demo", f"--image=registry.example/churn/run:{first}", *there
    )
    control_plane.kubectl("run", "training", f"--image=registry.example/churn/run:{first[:12]}", *there)
    control_plane.kubectl("run", "other", f"--image=registry.example/churn/base:{'a' * 64}", *there)
    control_plane.kubectl(
        "wait", "pods", "--all", "--for=jsonpath={.status.phase}=Running", "--timeout=60s", *there
    )
    _, parts = live(deployed)
    assert (parts["images"]["deployed"], parts["images"]["text"]) == (
        "same",
        f"2 pods of this commit ({first[:8]})",
    )

    (deployed.root / "new").touch()
    git(deployed.root, "commit", "--quiet", "--allow-empty", "--message", "second")
    second = git(deployed.root, "rev-parse", "HEAD")
    code, parts = live(deployed, "--exit-code")
    assert (code, parts["images"]["deployed"], parts["images"]["edited"]) == (1, "differs", 1)
    assert f"training is of {first[:8]}, not of {second[:8]}" in parts["images"]["text"]
    # A training that goes on may be of an older commit.
    control_plane.kubectl("delete", "deployment", "demo", "--wait", "--cascade=foreground", *there)
    _, parts = live(deployed)
    assert parts["images"]["deployed"] == "same"
