"""`mx flow connect` with the real kubectl on a real control plane: the service and the pods are those that mx renders."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from control_plane.control_plane import ControlPlane
from flow_projects import clean, mx, project, with_environment
from test_flow_connect import Cluster, Connect, listens, nothing_stays, port

from mxdev import testing
from mxdev.flow import connection, words
from mxdev_generators.ml_project_skeleton.generator import MLProjectSkeleton

pytestmark = pytest.mark.noted()

__all__ = ["nothing_stays", "port"]

FOLDER = "infrastructure/kubernetes"


class Real(Cluster):
    """The control plane, and a server of the test in place of the pod's own."""

    def __init__(self, plane: ControlPlane, namespace: str, folder: Path) -> None:
        super().__init__(folder)
        self.program.unlink()
        self.plane, self.namespace = plane, namespace
        self.kubeconfig = plane.kubeconfig

    def start_pod(self) -> None:
        """Start the server, and let connections to the pod end there."""
        super().start_pod()
        assert self.server is not None
        self.plane.forward(self.namespace, 5000, self.server.server_port)

    def environ(self, **more: str) -> dict[str, str]:
        return clean(KUBECONFIG=str(self.kubeconfig), **more)

    def pod(self) -> str:
        """The name of the pod that is ready, or nothing."""
        pods = self.plane.get("pods", "-n", self.namespace, "-l", "app.kubernetes.io/name=mlflow")["items"]
        ready = [
            pod["metadata"]["name"]
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"]
            and any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))
        ]  # fmt: skip
        return ready[0] if ready else ""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project that has the job template of a generated one."""
    root = with_environment(project(tmp_path / "p"))
    (root / FOLDER).mkdir(parents=True)
    return root


@pytest.fixture
def cluster(control_plane: ControlPlane, root: Path, tmp_path: Path) -> Iterator[Real]:
    name = control_plane.namespace(name=f"connect-{secrets.token_hex(4)}")
    tree = testing.render(
        MLProjectSkeleton, name=name, cloud="gcp", region="europe-west4", project_id="acme-ml"
    )
    for path in ("train-infrastructure/service_accounts.yaml", "train-infrastructure/mlflow.yaml"):
        manifest = testing.text(tree, f"{FOLDER}/{path}")
        control_plane.kubectl("apply", "-f", "-", input=manifest)
    (root / words.TEMPLATES["kubernetes"]).write_text(testing.text(tree, words.TEMPLATES["kubernetes"]))
    (tmp_path / "cluster").mkdir()
    made = Real(control_plane, name, tmp_path / "cluster")
    made.start_pod()
    control_plane.wait("the pod of the tracking server", made.pod)
    yield made
    made.stop_pod()


def test_a_pod_is_replaced(root: Path, cluster: Real, port: int) -> None:
    connect = Connect(root, cluster, port)
    connect.says("connected to", 120)
    address = f"http://127.0.0.1:{port}"
    assert f"mlflow in the namespace {cluster.namespace} of mx-tests" in connect.said
    assert connection.answers(address)
    assert f"MLFLOW_TRACKING_URI={address}" in mx("flow", "run", "--dry-run", cwd=root).stdout

    # The server goes with its pod; the Deployment makes another pod.
    first = cluster.pod()
    cluster.stop_pod()
    cluster.plane.kubectl("delete", "pod", "-n", cluster.namespace, first, "--wait=false")
    connect.says("the connection was lost", 120)
    second = cluster.plane.wait("a new pod", cluster.pod)
    assert second != first
    cluster.start_pod()
    connect.says("connected again", 120)
    assert connection.answers(address)
    assert connect.said.count("was lost") == 1
    assert connect.end() == 0
    assert not listens(port)


def test_what_is_not_there(root: Path, cluster: Real, port: int, tmp_path: Path) -> None:
    for arguments, said in (
        (["--namespace", "default"], "`mx deploy train-infrastructure` deploys it"),
        (["--context", "nowhere"], "`kubectl config get-contexts` lists"),
    ):
        connect = Connect(root, cluster, port, *arguments)
        assert connect.process.wait(120) == 4, connect.said
        assert said in connect.said
    nobody = f"https://127.0.0.1:{port}"
    cluster.kubeconfig = tmp_path / "kubeconfig"
    text = cluster.plane.kubeconfig.read_text()
    cluster.kubeconfig.write_text(text.replace(cluster.plane.api.server, nobody))
    connect = Connect(root, cluster, port)
    assert connect.process.wait(120) == 4
    assert "The API server does not answer: " in connect.said
