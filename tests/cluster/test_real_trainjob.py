"""TrainJobs through the real trainer and JobSet: labels by a patch of the runtime, logs, failure, cancelling."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest
from cluster_fixtures import NodeRunner
from control_plane.control_plane import ControlPlane
from control_plane.node import Node, Place

from cluster.conftest import IMAGE, RUN, Submit, filled
from mxdev.cluster import manifest, state
from mxdev.cluster.kubectl import Kubectl

pytestmark = pytest.mark.noted()


@pytest.fixture
def node(control_plane: ControlPlane, node_runner: NodeRunner, tmp_path: Path) -> Node:
    """A node that knows the image of the jobs, where the trainer runs."""
    control_plane.operators("jobset", "trainer")
    (tmp_path / "place").mkdir()
    return node_runner(images={IMAGE: Place(tmp_path / "place")})


def train_job(command: str, image: str = IMAGE) -> manifest.Manifest:
    """A filled-in TrainJob on two nodes."""
    template = {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": "x"},
        "spec": {
            "runtimeRef": {"name": "torch-distributed"},
            "trainer": {"numNodes": 2, "numProcPerNode": 1},
        },
    }
    return filled(template, command, image, RUN)


def test_from_its_submission_to_its_end(node: Node, submit: Submit) -> None:
    command = "for i in $(seq 50); do echo $MLFLOW_RUN_ID $PET_NODE_RANK: $i; done"
    submitter = submit(train_job(command), node.namespace)
    assert submitter.end(0)["outcome"] == "succeeded"
    for rank in (0, 1):
        found = re.findall(rf"^node-{rank} \| (.*)$", submitter.out, re.MULTILINE)
        assert found == [f"{RUN} {rank}: {number}" for number in range(1, 51)]
    pods = node.plane.get("pods", "-n", node.namespace)["items"]
    assert len(pods) == 2
    for pod in pods:
        labels = {"app.kubernetes.io/managed-by": "mx", "mlflow-run-id": RUN}
        assert labels.items() <= pod["metadata"]["labels"].items()


def test_one_that_fails(node: Node, submit: Submit) -> None:
    submitter = submit(train_job("echo oh no; exit 4"), node.namespace)
    report = submitter.end(1)
    assert report["outcome"] == "failed"
    assert re.match(r"node-[01] ended with exit code 4; ", report["reason"])
    assert "| oh no" in submitter.out


def test_a_signal_cancels(node: Node, submit: Submit) -> None:
    submitter = submit(train_job("echo up; sleep 100"), node.namespace)
    deadline = time.monotonic() + 120
    while submitter.out.count("| up") < 2:
        assert time.monotonic() < deadline, (submitter.out, submitter.err)
        time.sleep(0.1)
    submitter.process.send_signal(signal.SIGINT)
    assert submitter.end(130)["outcome"] == "killed"
    for resource in ("trainjobs.trainer.kubeflow.org", "jobs.batch", "pods"):
        assert node.plane.get(resource, "-n", node.namespace)["items"] == []


def test_what_it_waits_for(node: Node, submit: Submit) -> None:
    """Refused pods are an event of a Job that the trainer made, not of the TrainJob."""
    node.plane.kubectl("create", "quota", "training", "--hard=pods=0", "-n", node.namespace)
    node.plane.wait(
        "the quota", lambda: node.plane.get("quota/training", "-n", node.namespace)["status"].get("hard")
    )
    made = train_job("true")
    assert submit(made, node.namespace, detach=True).end(0)["outcome"] == "submitted"
    kubectl = Kubectl("mx-tests", node.namespace)
    said = "the quota training is used up: needed pods=1"
    node.plane.wait(said, lambda: said in state.look(kubectl, manifest.ref(made)).reason)
