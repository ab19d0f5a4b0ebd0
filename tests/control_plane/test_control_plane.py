"""The control plane of the tests does what a cluster does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from control_plane import control_plane as module
from control_plane.control_plane import ControlPlane
from control_plane.programs import free_port, http_ok


def pod_template(gpus: int = 0, **spec: Any) -> dict[str, Any]:
    """A pod's template with one container that asks for little, and GPUs."""
    limits = {"cpu": "100m", "memory": "64Mi", **({"nvidia.com/gpu": gpus} if gpus else {})}
    container = {"name": "pytorch", "image": "registry/run:abc", "resources": {"limits": limits}}
    tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    return {"spec": {"containers": [container], "tolerations": tolerations, **spec}}


def pytorch_job(name: str, workers: int = 1, **changes: Any) -> dict[str, Any]:
    """A PyTorchJob with a master and workers."""
    replicas = {"Master": 1, "Worker": workers}
    specs = {
        kind: {"replicas": number, "restartPolicy": "Never", "template": pod_template(**changes)}
        for kind, number in replicas.items()
    }
    spec = {"runPolicy": {"cleanPodPolicy": "None"}, "pytorchReplicaSpecs": specs}
    return {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "metadata": {"name": name}, "spec": spec}


def apply(plane: ControlPlane, namespace: str, *objects: dict[str, Any]) -> None:
    """`kubectl apply` objects in a namespace."""
    plane.kubectl(
        "apply",
        "-n",
        namespace,
        "-f",
        "-",
        input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
    )


def test_a_deployment_and_a_volume_become_ready(control_plane: ControlPlane) -> None:
    namespace = control_plane.namespace()
    labels = {"app": "web"}
    template = pod_template() | {"metadata": {"labels": labels}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    apply(
        control_plane,
        namespace,
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "disk"},
            "spec": claim,
        },
    )
    control_plane.kubectl("rollout", "status", "-n", namespace, "deployment/web", "--timeout=180s")
    control_plane.wait(
        "the claim", lambda: control_plane.get("-n", namespace, "pvc/disk")["status"].get("phase") == "Bound"
    )


def test_a_job_completes(control_plane: ControlPlane) -> None:
    namespace = control_plane.namespace()
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}}
    apply(control_plane, namespace, job | {"spec": {"template": pod_template(restartPolicy="Never")}})
    control_plane.kubectl("wait", "-n", namespace, "job/once", "--for=condition=complete", "--timeout=180s")


def test_the_training_operator_makes_the_pods(control_plane: ControlPlane) -> None:
    namespace = control_plane.namespace()
    apply(control_plane, namespace, pytorch_job("churn", workers=2, gpus=1))
    pods = control_plane.wait(
        "three running pods",
        lambda: (
            (found := control_plane.get("-n", namespace, "pods")["items"])
            and [pod["status"].get("phase") for pod in found] == ["Running"] * 3
            and found
        ),
    )
    by_name = {pod["metadata"]["name"]: pod["spec"]["containers"][0] for pod in pods}
    assert sorted(by_name) == ["churn-master-0", "churn-worker-0", "churn-worker-1"]
    variables = {item["name"]: item.get("value") for item in by_name["churn-worker-1"]["env"]}
    assert (variables["RANK"], variables["WORLD_SIZE"]) == ("2", "3")
    assert (variables["MASTER_ADDR"], variables["PET_NNODES"]) == ("churn-master-0", "3")
    nodes = {pod["spec"]["nodeName"] for pod in pods}
    assert nodes <= {"tesla-t4", "l4", "tesla-a100"}, "pods that ask for GPUs go to nodes that have some"


def test_the_training_operator_refuses_what_it_cannot_run(control_plane: ControlPlane) -> None:
    """Its webhook is asked, which the schema alone would not do."""
    job = pytorch_job("churn")
    job["spec"]["pytorchReplicaSpecs"]["Master"]["template"]["spec"]["containers"][0]["name"] = "other"
    done = control_plane.kubectl(
        "apply", "-n", control_plane.namespace(), "-f", "-", input=json.dumps(job), check=False
    )
    assert done.returncode == 1
    assert "validator.pytorchjob.training-operator.kubeflow.org" in done.stderr


def test_a_pod_that_fits_nowhere_says_why(control_plane: ControlPlane) -> None:
    namespace = control_plane.namespace()
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "greedy"}} | pod_template(gpus=99)
    apply(control_plane, namespace, pod)
    conditions = control_plane.wait(
        "the scheduler's answer",
        lambda: control_plane.get("-n", namespace, "pod/greedy")["status"].get("conditions"),
    )
    assert "Insufficient nvidia.com/gpu" in conditions[0]["message"]


def test_a_quota_is_kept(control_plane: ControlPlane) -> None:
    namespace = control_plane.namespace()
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "gpus"}}
    apply(control_plane, namespace, quota | {"spec": {"hard": {"requests.nvidia.com/gpu": "1"}}})
    control_plane.wait(
        "the quota", lambda: control_plane.get("-n", namespace, "quota/gpus")["status"].get("hard")
    )
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "two"}} | pod_template(gpus=2)
    done = control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(pod), check=False)
    assert "exceeded quota: gpus" in done.stderr


class Hello(BaseHTTPRequestHandler):
    """Answers everything with 200."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


def test_a_port_is_forwarded(control_plane: ControlPlane) -> None:
    namespace = control_plane.namespace()
    apply(
        control_plane,
        namespace,
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}} | pod_template(),
    )
    control_plane.kubectl("wait", "-n", namespace, "pod/web", "--for=condition=ready", "--timeout=180s")
    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        control_plane.forward(namespace, 5000, server.server_port)
        port = free_port()
        command = control_plane.command("port-forward", "-n", namespace, "pod/web", f"{port}:5000")
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as forward:
            try:
                control_plane.wait("the port", lambda: http_ok(f"http://127.0.0.1:{port}/"))
            finally:
                forward.terminate()
                server.shutdown()


def test_it_goes_with_its_last_user_also_when_that_is_killed(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """`control_plane` is here so that what must be built is built, and that is not waited for below."""
    folder = tmp_path / "own"
    command = [sys.executable, str(Path(module.__file__)), str(folder), "--operators="]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as user:
        try:
            assert user.stdout
            assert "ready" in user.stdout.readline()
            with module.running(folder) as same:
                assert same.get("nodes")["items"], "a second user shares it"
            assert (folder / "state.json").exists(), "the first still needs it"
            assert len(_programs(folder)) >= 5
        finally:
            user.send_signal(signal.SIGKILL)
    control_plane.wait("the end of its programs", lambda: not _programs(folder))
    assert not (folder / "state.json").exists()


def _programs(folder: Path) -> list[str]:
    """The command lines of all processes that name the folder."""
    done = subprocess.run(["ps", "-A", "-ww", "-o", "command="], capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if str(folder) in line]
