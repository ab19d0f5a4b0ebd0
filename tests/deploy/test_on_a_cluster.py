"""`mx deploy` and `mx purge` on a real API server, by kubectl; DevSpace is a stand-in that applies what it is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from control_plane.control_plane import ControlPlane

from deploy.deployed import Deployed

pytestmark = pytest.mark.noted()

DATABASE = "infrastructure/kubernetes/train-infrastructure/postgresql.yaml"

CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: scratch}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


@pytest.fixture
def deployed(tmp_path: Path, control_plane: ControlPlane) -> Deployed:
    found = Deployed(tmp_path, control_plane, "GitLabCI")
    found.connect()
    control_plane.made.append(found.name)
    return found


def test_a_project_is_deployed_changed_purged_and_deployed_again(deployed: Deployed) -> None:
    before = deployed.json("deploy", "--dry-run")
    assert [(step["name"], step["state"]) for step in before["steps"]] == [
        ("cluster", "done"),
        ("deploy-train-infrastructure", "create"),
        ("deploy-gitlab-access", "create"),
    ]
    assert before["outcome"] == "planned"
    done = deployed.mx("deploy")
    assert done.code == 0, done.stderr
    assert "DevSpace is not on the PATH" in done.stderr
    assert "mlflow" in deployed.names("statefulsets")
    assert "mlflow-database" in deployed.names("secrets")
    again = deployed.mx("deploy")
    assert (again.code, "all of it holds" in again.stdout) == (0, True), again.stdout + again.stderr

    manifest = deployed.root / DATABASE
    manifest.write_text(manifest.read_text().replace("port: 5432", "port: 5433", 1))
    steps = {step["name"]: step for step in deployed.json("deploy", "--dry-run")["steps"]}
    changed = steps["deploy-train-infrastructure"]
    assert (changed["state"], changed["why"]) == ("change", "Service postgresql")
    (manifest.parent / "scratch.yaml").write_text(CLAIM)
    assert deployed.mx("deploy", "train-infrastructure").code == 0
    service = deployed.plane.get("service", "postgresql", "--namespace", deployed.name)
    assert service["spec"]["ports"][0]["port"] == 5433

    volumes, passwords = deployed.names("persistentvolumeclaims"), deployed.names("secrets")
    assert {"scratch", "data-postgresql-0"} <= set(volumes)
    purged = deployed.mx("purge")
    assert purged.code == 0, purged.stderr
    assert deployed.names("deployments") == deployed.names("statefulsets") == []
    assert deployed.names("persistentvolumeclaims") == volumes
    assert deployed.names("secrets") == passwords
    assert set(deployed.states("purge").values()) == {"done"}
    assert deployed.mx("deploy").code == 0
    assert deployed.names("secrets") == passwords


def test_volumes_and_passwords_go_only_when_the_projects_name_is_given(deployed: Deployed) -> None:
    assert deployed.mx("deploy").code == 0
    asked = deployed.mx("purge", "--volumes", "--yes")
    assert (asked.code, f"--confirm {deployed.name}" in asked.stderr) == (1, True), asked.stderr
    assert f"PersistentVolumeClaim data-postgresql-0 in the namespace {deployed.name}" in asked.stdout
    assert "mlflow" in deployed.names("statefulsets")
    assert deployed.mx("purge", "--volumes", "--confirm", "other").code == 1
    gone = deployed.mx("purge", "--volumes", "--confirm", deployed.name)
    assert gone.code == 0, gone.stderr
    assert deployed.names("persistentvolumeclaims") == []
    assert "mlflow-database" not in deployed.names("secrets")


def test_what_each_pod_waits_for_is_said(deployed: Deployed) -> None:
    manifest = deployed.root / "infrastructure/kubernetes/train-infrastructure/mlflow.yaml"
    text = manifest.read_text()
    assert "      serviceAccountName: mlflow" in text
    manifest.write_text(
        text.replace(
            "      serviceAccountName: mlflow",
            "      nodeSelector: {disk: huge}\n      serviceAccountName: mlflow",
            1,
        )
    )
    late = deployed.mx("deploy", "train-infrastructure", "--timeout", "8")
    assert late.code == 4
    assert "mlflow-0: no node takes it in" in late.stderr, late.stderr
    assert "it is not ready after 8 s" in late.stderr
    assert deployed.states("deploy")["deploy-train-infrastructure"] == "change"
    again = deployed.mx("deploy", "train-infrastructure", "--timeout", "1")
    assert "it is applied already" in again.stderr


# Applies by kubectl what DevSpace would, and keeps how it was called. It is not a DevSpace.
DEVSPACE = """\
#!/bin/sh
[ "$1" = --version ] && { echo "devspace version ${VERSION:-6.3.21}"; exit 0; }
echo "$*" >> "$CALLS"
echo "this is what DevSpace says"
[ -z "$FAIL" ] || exit "$FAIL"
[ -z "$HANG" ] || sleep 60
case $1 in deploy) verb=apply ;; purge) verb="delete --ignore-not-found" ;; esac
kubectl --context "$4" --namespace "$6" create namespace "$6" >/dev/null 2>&1
kubectl --context "$4" --namespace "$6" $verb -f infrastructure/kubernetes/$2/ >&2
"""


def test_devspace_is_called_for_one_after_the_other_as_its_documentation_says(
    deployed: Deployed, tmp_path: Path
) -> None:
    (deployed.bin / "devspace").write_text(DEVSPACE)
    (deployed.bin / "devspace").chmod(0o755)
    calls = tmp_path / "calls"
    deployed.env["CALLS"] = str(calls)
    old = deployed.mx("deploy", env={"VERSION": "6.2.0"})
    assert (old.code, "devspace 6.2.0 is older than 6.3" in old.stderr) == (4, True), old.stderr
    failed = deployed.mx("deploy", env={"FAIL": "7"})
    assert (failed.code, "failed with exit code 7" in failed.stderr) == (4, True), failed.stderr
    hung = deployed.mx("deploy", "--timeout", "2", env={"HANG": "1"})
    assert (hung.code, "did not finish in 2 s" in hung.stderr) == (4, True), hung.stderr
    calls.unlink()
    done = deployed.mx("deploy", "--json")
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout)["outcome"] == "applied"
    flags = f"--kube-context mx-{deployed.name} --namespace {deployed.name} --no-warn"
    assert calls.read_text().splitlines() == [
        f"deploy train-infrastructure {flags}",
        f"deploy gitlab-access {flags}",
    ]
    calls.unlink()
    assert deployed.mx("purge").code == 0
    assert calls.read_text().splitlines() == [
        f"purge gitlab-access {flags}",
        f"purge train-infrastructure {flags}",
    ]


def test_a_cluster_or_a_name_that_is_not_there_is_said(deployed: Deployed) -> None:
    wrong = deployed.mx("deploy", "nothing")
    assert (wrong.code, "It has: train-infrastructure" in wrong.stderr) == (2, True), wrong.stderr
    nowhere = deployed.mx("deploy", "--context", "nowhere")
    assert (nowhere.code, "`mx connect` makes it" in nowhere.stderr) == (1, True), nowhere.stderr
    for name in ("git", "bash"):
        (deployed.bin / name).symlink_to(shutil.which(name) or name)
    none = deployed.mx("deploy", env={"PATH": str(deployed.bin)})
    assert (none.code, "kubectl is missing" in none.stderr) == (4, True), none.stderr
