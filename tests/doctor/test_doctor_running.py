"""`mx doctor` on what runs and on logins: a real API server, the real gcloud without a login, and a stand-in for gcloud."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from control_plane.control_plane import ControlPlane
from deploy.deployed import Deployed

from mxdev.connect.target import Target
from mxdev.doctor import project
from mxdev.testing import mx, render, write

pytestmark = pytest.mark.noted()

# Says what gcloud says to somebody who is logged in, and what $LOGIN and $TERRAFORM say otherwise. It is not a gcloud.
GCLOUD = """\
#!/bin/sh
refuse() { echo "ERROR: (gcloud.auth) $1" >&2; exit 1; }
case "$*" in
  --version) echo "Google Cloud SDK 528.0.0" ;;
  "config configurations list "*) echo "[]" ;;
  "config get account") echo "ada@example.com" ;;
  "auth print-access-token --account=ada@example.com") [ -z "$LOGIN" ] || refuse "$LOGIN"; echo token ;;
  "auth application-default print-access-token") [ -z "$TERRAFORM" ] || refuse "$TERRAFORM"; echo token ;;
  *) refuse "unexpected: $*" ;;
esac
"""


def findings(root: Path, **env: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = mx("doctor", "--json", cwd=root, env=env)
    return done.code, {one["name"]: one for one in json.loads(done.stdout)["findings"]}


def minor(plane: ControlPlane, side: str) -> int:
    said = json.loads(plane.kubectl("version", "-o", "json").stdout)
    return int(said[side]["minor"].rstrip("+"))


def test_what_runs_is_looked_at_with_what_each_pod_waits_for(
    tmp_path: Path, control_plane: ControlPlane
) -> None:
    deployed = Deployed(tmp_path, control_plane)
    control_plane.made.append(deployed.name)
    name = "deployment-train-infrastructure"
    deployed.connect()
    code, found = findings(deployed.root, **deployed.env)
    assert (found["cluster"]["state"], found["cluster"]["text"]) == ("ok", "you may deploy")
    server, client = (minor(control_plane, side) for side in ("serverVersion", "clientVersion"))
    version = found["kubectl-version"]
    assert version["text"].startswith(f"kubectl is 1.{client}, the cluster 1.{server}")
    assert version["state"] == ("ok" if abs(server - client) <= 1 else "unknown")
    assert (code, found[name]["state"]) == (0, "unknown")
    assert found[name]["text"] == "not deployed; `mx deploy train-infrastructure` does it"

    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["example.com/held"]}}  # fmt: skip
    control_plane.kubectl("create", "namespace", deployed.name)
    control_plane.kubectl("create", "-n", deployed.name, "-f", "-", input=json.dumps(held))
    control_plane.kubectl("delete", "namespace", deployed.name, "--wait=false")
    control_plane.wait(
        "what holds it",
        lambda: "FinalizersRemaining" in json.dumps(control_plane.get("namespace", deployed.name)),
    )
    why = f"{deployed.name} is being deleted"
    assert why in findings(deployed.root, **deployed.env)[1][name]["text"]
    refused = deployed.mx("deploy")
    assert (refused.code, "Nothing was done" in refused.stderr, why in refused.stderr) == (1, True, True)
    assert "example.com/held" in refused.stderr
    free = ("patch", "configmap", "held", "-n", deployed.name, "--type=merge", "-p")
    control_plane.kubectl(*free, json.dumps({"metadata": {"finalizers": []}}))
    control_plane.kubectl("wait", "--for=delete", f"namespace/{deployed.name}", "--timeout=60s")

    assert deployed.mx("deploy").code == 0
    code, found = findings(deployed.root, **deployed.env)
    assert (code, found[name]["state"]) == (0, "ok"), found[name]
    assert found[name]["text"].endswith(" objects, ready")

    manifest = deployed.root / "infrastructure/kubernetes/train-infrastructure/mlflow.yaml"
    place = "      serviceAccountName: mlflow"
    text = manifest.read_text()
    assert place in text
    manifest.write_text(text.replace(place, f"      nodeSelector: {{disk: huge}}\n{place}", 1))
    deployed.mx("deploy", "--timeout", "1")
    code, found = findings(deployed.root, **deployed.env)
    assert (code, found[name]["state"]) == (1, "problem"), found[name]
    assert "mlflow-0: " in found[name]["text"]
    assert (
        found[name]["remedy"]
        == f"kubectl --context mx-{deployed.name} --namespace {deployed.name} get events"
    )


@pytest.fixture
def on_google(tmp_path: Path) -> Path:
    root = tmp_path / "churn-model"
    write(render("MLProjectSkeleton", name="churn-model", cloud="gcp"), root)
    options = "version: 1\noptions:\n  name: churn-model\n  cloud: gcp\n  project-id: churn-model\n  region: europe-west4\n"
    (root / "mx.yaml").write_text(options)
    return root


def test_both_logins_are_looked_at_each_with_its_own_remedy(on_google: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "gcloud").write_text(GCLOUD)
    (folder / "gcloud").chmod(0o755)
    env = {"PATH": f"{folder}:/usr/bin:/bin", "KUBECONFIG": str(tmp_path / "none")}
    _, found = findings(on_google, **env)
    assert (found["login"]["state"], found["login"]["text"]) == ("ok", "ada@example.com")
    assert found["login-terraform"]["state"] == "ok"

    expired = "There was a problem refreshing your current auth tokens: invalid_grant: Bad Request"
    code, found = findings(on_google, LOGIN=expired, **env)
    assert (code, found["login"]["state"]) == (1, "problem")
    assert "the login has expired" in found["login"]["text"]
    assert found["login"]["remedy"] == "gcloud auth login ada@example.com"
    assert found["login-terraform"]["state"] == "ok"

    code, found = findings(on_google, TERRAFORM="Your default credentials were not found.", **env)
    assert (code, found["login-terraform"]["state"], found["login"]["state"]) == (1, "problem", "ok")
    assert found["login-terraform"]["remedy"] == "gcloud auth application-default login"


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
def test_nobody_is_logged_in_to_the_real_gcloud(on_google: Path, tmp_path: Path) -> None:
    empty = tmp_path / "gcloud"
    env = {"CLOUDSDK_CONFIG": str(empty), "HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "none")}
    code, found = findings(on_google, **env)
    assert (code, found["login"]["state"], found["login"]["remedy"]) == (1, "problem", "gcloud auth login")
    assert found["login-terraform"]["remedy"] == "gcloud auth application-default login"


@pytest.mark.parametrize(
    ("client", "server", "state"),
    [
        ("33", "34+", "ok"),
        ("35", "34", "ok"),
        ("32", "34+", "unknown"),
        ("36", "34", "unknown"),
        ("", "34", "unknown"),
    ],
)
def test_kubectl_is_at_most_one_minor_version_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str, server: str, state: str
) -> None:
    said = {
        "clientVersion": {"major": "1", "minor": client},
        "serverVersion": {"major": "1", "minor": server},
    }
    double = tmp_path / "kubectl"  # says versions and nothing else
    double.write_text(
        f"#!/bin/sh\ncase \"$*\" in *--client*) echo v1.34.0 ;; *) echo '{json.dumps(said)}' ;; esac\n"
    )
    double.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (found,) = project.kubectl_version(Target("churn", "existing"))
    assert found.state == state
    assert ("more than one minor version apart" in found.text) == (state == "unknown" and client != "")
    assert (f"Install kubectl 1.{server.rstrip('+')}" in found.remedy) == (
        state == "unknown" and client != ""
    )
