"""`mx serve --rollback`: pods are replaced on a real API server, whatever the controller above them does; programs are stand-ins."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from control_plane.control_plane import ControlPlane

from mxdev.cluster.kubectl import Kubectl
from mxdev.project import environments
from mxdev.serve import rollback, served
from mxdev.testing import mx

LABELS = {"app.kubernetes.io/name": "scores"}
TABLE = """\
serve:
  scores:
    title: a double
    command: [python, -c, "pass"]
    port: 8080
    path: /
"""
WHAT = served.Served("scores", "scores", ("python",), 8080, "/", {}, label="scores")


def deployment(name: str, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            # As a model that loads for a while: a controller is quicker than the pods.
            "minReadySeconds": 3,
            "selector": {"matchLabels": {"own": name}},
            "template": {
                "metadata": {"labels": {"own": name, **labels}},
                "spec": {"containers": [{"name": "model", "image": "registry/scores:abc"}]},
            },
        },
    }


def uids(plane: ControlPlane, namespace: str, name: str) -> set[str]:
    listed = plane.get("pods", "--namespace", namespace, "--selector", f"own={name}")["items"]
    return {one["metadata"]["uid"] for one in listed}


@pytest.fixture
def place(control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> tuple[ControlPlane, str]:
    """A namespace with an endpoint, whose Deployment is called as its engine pleases, and something else."""
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    namespace = control_plane.namespace()
    for name, labels in (("scores-model-predictor", LABELS), ("other", {})):
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        control_plane.api.create(path, deployment(name, labels))
        control_plane.kubectl("rollout", "status", "-n", namespace, f"deployment/{name}", "--timeout=120s")
    return control_plane, namespace


@pytest.mark.parametrize("undone", [False, True], ids=["plain", "a controller takes the mark away"])
def test_new_pods_take_the_place_of_the_old_ones(place: tuple[ControlPlane, str], undone: bool) -> None:
    plane, namespace = place
    before, others = uids(plane, namespace, "scores-model-predictor"), uids(plane, namespace, "other")
    ended = threading.Event()

    def take_away() -> None:
        remove = '{"spec":{"template":{"metadata":{"annotations":null}}}}'
        while not ended.wait(0.02):
            words = ("deployment/scores-model-predictor", "--type=merge", f"--patch={remove}")
            plane.kubectl("patch", "-n", namespace, *words)

    controller = threading.Thread(target=take_away)
    if undone:
        controller.start()
    try:
        rollback.restart(Kubectl(None, namespace), WHAT, 90)
    finally:
        ended.set()
        if undone:
            controller.join()
    after = uids(plane, namespace, "scores-model-predictor")
    assert len(after) >= 2
    assert not after & before
    assert uids(plane, namespace, "other") == others


def test_what_runs_nowhere_is_restarted_nowhere(
    control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    rollback.restart(Kubectl(None, control_plane.namespace()), WHAT, 1)
    assert "No pod serves scores on the cluster" in capsys.readouterr().err


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "mx.yaml").write_text("version: 1\noptions:\n  name: churn\n  cloud: existing\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "churn"\nversion = "1"\n')
    (tmp_path / "infrastructure").mkdir()
    (tmp_path / served.FILE).write_text(TABLE)
    return tmp_path


def back(project: Path, *more: str, store: str | None = None) -> Any:
    places = project / "places"
    for name in ("churn-1", "mlflow-3.15"):
        record = places / f"{name}.dist-info"
        record.mkdir(parents=True, exist_ok=True)
        (record / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: {}\nVersion: {}\n".format(*name.split("-"))
        )
    uri = f"sqlite:///{project}/runs.db" if store is None else store
    environ = {"PYTHONPATH": str(places), "MLFLOW_TRACKING_URI": uri}
    return mx("serve", "scores", "--rollback", "--python", sys.executable, *more, cwd=project, env=environ)


def test_a_page_has_no_version_before(project: Path) -> None:
    done = back(project)
    assert done.code == 4
    assert "does not say how scores goes back" in done.stderr


@pytest.mark.parametrize(("code", "said"), [(0, "the registry on this machine"), (3, "")])
def test_the_registry_of_this_machine_restarts_nothing(project: Path, code: int, said: str) -> None:
    line = f"    rollback: [python, -c, \"open('ran', 'w'); raise SystemExit({code})\"]\n"
    (project / served.FILE).write_text(TABLE + line)
    done = back(project)
    assert (done.code, (project / "ran").exists(), said in done.stderr) == (code, True, True), done.stderr


def test_a_cluster_is_for_rollback_only(project: Path) -> None:
    done = mx("serve", "scores", "--context", "one", cwd=project)
    assert (done.code, "--rollback" in done.stderr) == (2, True)


def test_an_environment_has_a_registry_of_its_own(project: Path) -> None:
    """Without a way to it nothing is run: the registry that is reached without -E is another environment's."""
    (project / served.FILE).write_text(TABLE + "    rollback: [python, -c, \"open('ran', 'w')\"]\n")
    (project / environments.FOLDER).mkdir()
    (project / environments.FOLDER / "staging.yaml").write_text("namespace: churn-staging\n")
    done = back(project, "-E", "staging", store="")
    assert (done.code, (project / "ran").exists()) == (4, False), done.stderr
    assert "nothing leads to the tracking server of the environment staging" in done.stderr
    assert back(project, store="").code == 0
