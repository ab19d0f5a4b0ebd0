"""The node of the tests runs pods as a kubelet does, as far as training needs it."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cluster_fixtures import NodeRunner

from control_plane.control_plane import ControlPlane
from control_plane.node import Node, Place
from control_plane.process import MARK
from control_plane.test_control_plane import apply, pytorch_job

IMAGE = "registry/run:abc"


def pod(
    name: str, script: str, policy: str = "Never", image: str = IMAGE, **container: Any
) -> dict[str, Any]:
    """A pod that runs a shell script."""
    one = {"name": "main", "image": image, "command": ["bash", "-c", script], **container}
    spec = {"restartPolicy": policy, "terminationGracePeriodSeconds": 2, "containers": [one]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


@pytest.fixture
def node(node_runner: NodeRunner, tmp_path: Path) -> Node:
    """A node that knows one image."""
    return node_runner(images={IMAGE: Place(tmp_path, {"IMAGE_SAYS": "hello"})})


def status(node: Node, name: str) -> dict[str, Any]:
    """A pod's status."""
    found: dict[str, Any] = node.plane.get("-n", node.namespace, f"pod/{name}")["status"]
    return found


def wait_for(node: Node, name: str, phase: str) -> dict[str, Any]:
    """Wait for a phase; the status then."""

    def there() -> dict[str, Any] | None:
        found = status(node, name)
        return found if found.get("phase") == phase else None

    found: dict[str, Any] = node.plane.wait(f"{name} to be {phase}", there)
    return found


def logs(node: Node, name: str, *options: str) -> str:
    """What `kubectl logs` says."""
    return node.plane.kubectl("logs", "-n", node.namespace, name, *options).stdout


def test_a_command_runs_in_the_images_place(node: Node, tmp_path: Path) -> None:
    environ = [
        {"name": "WHO", "value": "world"},
        {"name": "GREETING", "value": "$(WHO)!"},
        {"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "word", "key": "word"}}},
    ]
    node.plane.kubectl(
        "create", "secret", "generic", "word", "--from-literal=word=open", "-n", node.namespace
    )
    script = "echo $IMAGE_SAYS $GREETING $ME $WORD; echo $1 > made"
    apply(node.plane, node.namespace, pod("hello", script, env=environ, args=["bash", "$(WHO)"]))
    found = wait_for(node, "hello", "Succeeded")
    assert found["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    assert logs(node, "hello") == "hello world! hello open\n"
    assert (tmp_path / "made").read_text() == "world\n"


def test_pods_of_other_namespaces_stay_away(node: Node, control_plane: ControlPlane) -> None:
    other = control_plane.namespace()
    apply(control_plane, other, pod("elsewhere", "exit 1", policy="Always"))
    apply(control_plane, node.namespace, pod("here", "exit 0"))
    control_plane.kubectl("wait", "-n", other, "pod/elsewhere", "--for=condition=ready", "--timeout=180s")
    assert control_plane.get("-n", other, "pod/elsewhere")["spec"]["nodeName"] != node.name
    wait_for(node, "here", "Succeeded")
    assert control_plane.get("-n", node.namespace, "pod/here")["spec"]["nodeName"] == node.name


def test_a_failure_is_told_with_its_code(node: Node) -> None:
    apply(node.plane, node.namespace, pod("bad", "echo oh; exit 7"))
    found = wait_for(node, "bad", "Failed")
    ended = found["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (7, "Error")


def test_what_is_killed_is_started_again(node: Node) -> None:
    """Also what it had started, in a session of its own as torchrun's ranks are, is gone."""
    script = "[ -e again ] && exit 0; touch again; echo first; setsid sleep 600 & wait"
    apply(node.plane, node.namespace, pod("phoenix", script, policy="OnFailure"))
    uid = node.plane.get("-n", node.namespace, "pod/phoenix")["metadata"]["uid"]
    node.plane.wait("the shell and what it starts", lambda: len(_marked(uid)) >= 2)
    with pytest.raises(LookupError):
        node.kill("nobody")
    node.kill("phoenix")
    found = wait_for(node, "phoenix", "Succeeded")["containerStatuses"][0]
    assert found["restartCount"] == 1
    assert found["lastState"]["terminated"]["exitCode"] == 128 + signal.SIGKILL
    node.plane.wait("the end of all of it", lambda: not _marked(uid))
    assert (logs(node, "phoenix", "--previous"), logs(node, "phoenix")) == ("first\n", "")


def test_logs_are_followed_to_the_end(node: Node, tmp_path: Path) -> None:
    script = "echo one; while [ ! -e go ]; do sleep 0.1; done; echo two"
    apply(node.plane, node.namespace, pod("talks", script))
    wait_for(node, "talks", "Running")
    command = node.plane.command("logs", "-f", "--timestamps", "-n", node.namespace, "talks")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follow:
        assert follow.stdout
        at, _, line = follow.stdout.readline().partition(" ")
        assert line == "one\n", "it comes while the container runs"
        (tmp_path / "go").touch()
        assert [line.partition(" ")[2] for line in follow.stdout] == ["two\n"]
    assert logs(node, "talks", f"--since-time={at}", "--tail=1") == "two\n"
    assert logs(node, "talks", "--since-time=2999-01-01T00:00:00Z") == ""


def test_an_unknown_image_cannot_be_pulled(node: Node) -> None:
    apply(node.plane, node.namespace, pod("lost", "exit 0", image="registry/run:none"))

    def reason() -> bool:
        states = [item["state"] for item in status(node, "lost").get("containerStatuses", [])]
        return [state["waiting"]["reason"] for state in states] == ["ImagePullBackOff"]

    node.plane.wait("the pull to fail", reason)
    assert status(node, "lost")["phase"] == "Pending"


def test_a_deleted_pod_is_asked_to_end_and_then_killed(node: Node, tmp_path: Path) -> None:
    script = "trap 'touch asked' TERM; echo up; while true; do sleep 0.1; done"
    apply(node.plane, node.namespace, pod("stubborn", script))
    node.plane.wait(
        "its first line", lambda: "up" in logs(node, "stubborn") if _runs(node, "stubborn") else False
    )
    uid = node.plane.get("-n", node.namespace, "pod/stubborn")["metadata"]["uid"]
    assert _marked(uid)
    node.plane.kubectl("delete", "-n", node.namespace, "pod/stubborn", "--timeout=180s")
    assert (tmp_path / "asked").exists()
    assert not _marked(uid)


def test_a_pytorch_job_meets_and_succeeds(node: Node) -> None:
    """The training operator gives the ranks, the node one address and port for all of them."""
    job = pytorch_job("churn")
    for spec in job["spec"]["pytorchReplicaSpecs"].values():
        container = spec["template"]["spec"]["containers"][0]
        container["command"] = ["bash", "-c", "echo $RANK of $WORLD_SIZE at $MASTER_ADDR:$MASTER_PORT"]
    apply(node.plane, node.namespace, job)
    node.plane.kubectl(
        "wait", "-n", node.namespace, "pytorchjob/churn", "--for=condition=Succeeded", "--timeout=180s"
    )
    said = [logs(node, f"churn-{replica}-0") for replica in ("master", "worker")]
    addresses = {line.split(" at ")[1] for line in said}
    assert [line.split(" at ")[0] for line in said] == ["0 of 2", "1 of 2"]
    assert len(addresses) == 1
    host, _, port = addresses.pop().strip().partition(":")
    assert host == "127.0.0.1"
    assert port != "23456", "the operator's own port is the same for every job, and there is one machine here"


def _runs(node: Node, name: str) -> bool:
    return status(node, name).get("phase") == "Running"


def _marked(uid: str) -> list[int]:
    """The processes of a pod."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARK}={uid}".encode() in environ.read_bytes():
                found.append(int(environ.parent.name))
        except OSError:
            continue
    return found
