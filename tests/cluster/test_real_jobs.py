"""Jobs that really run on a node of the control plane: logs, restarts, cancelling, a lost API server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cluster_fixtures import NodeRunner
from control_plane.node import Node, Place

from cluster.conftest import IMAGE, RUN, Submit, Submitter, job, pytorch_job
from cluster.proxy import Proxy
from mxdev.cluster import logs, manifest
from mxdev.cluster.kubectl import Kubectl

pytestmark = pytest.mark.noted()

COUNT = "for i in $(seq 60); do echo line $i; sleep 0.1; done"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where containers run."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@pytest.fixture
def node(node_runner: NodeRunner, place: Path) -> Node:
    """A node that knows the image of the jobs."""
    return node_runner(images={IMAGE: Place(place)})


def until(submitter: Submitter, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not done():
        assert time.monotonic() < deadline, (submitter.out, submitter.err)
        assert submitter.process.poll() is None, submitter.err
        time.sleep(0.1)


def lines(text: str, name: str) -> list[str]:
    """What a replica logged."""
    return re.findall(rf"^{name} *\| (.*)$", text, re.MULTILINE)


def jobs(node: Node, resource: str = "jobs.batch") -> list[str]:
    return [item["metadata"]["name"] for item in node.plane.get(resource, "-n", node.namespace)["items"]]


def test_a_job_from_its_submission_to_its_end(node: Node, submit: Submit, place: Path) -> None:
    submitter = submit(job("echo $MLFLOW_RUN_ID > run; echo done"), node.namespace)
    report = submitter.end(0)
    assert report == {
        "outcome": "succeeded",
        "reason": "",
        "kind": "Job",
        "name": "churn-0123456789",
        "namespace": node.namespace,
        "context": "mx-tests",
    }
    assert submitter.out == "job-0 | done\n"
    assert (place / "run").read_text() == f"{RUN}\n"
    (pod,) = node.plane.get("pods", "-n", node.namespace)["items"]
    assert {"app.kubernetes.io/managed-by": "mx", "mlflow-run-id": RUN}.items() <= pod["metadata"][
        "labels"
    ].items()


def test_a_job_that_fails(node: Node, submit: Submit) -> None:
    submitter = submit(job("echo oh no; exit 3"), node.namespace)
    report = submitter.end(1)
    assert (report["outcome"], report["reason"].split(";")[0]) == ("failed", "job-0 ended with exit code 3")
    assert submitter.out == "job-0 | oh no\n"


def test_the_logs_of_every_replica(node: Node, submit: Submit) -> None:
    # Each of many lines comes once, and the last ones although the job is over by then.
    command = "for i in $(seq 200); do echo $RANK of $WORLD_SIZE: $i; done"
    submitter = submit(pytorch_job(command, 2), node.namespace)
    assert submitter.end(0)["outcome"] == "succeeded"
    for rank, name in enumerate(("master-0", "worker-0", "worker-1")):
        assert lines(submitter.out, name) == [f"{rank} of 3: {number}" for number in range(1, 201)]
    assert len(submitter.out.splitlines()) == 600


def test_a_replica_that_is_started_again(node: Node, submit: Submit) -> None:
    command = f"if [ -e once-$RANK ]; then echo again; else touch once-$RANK; {COUNT}; fi; sleep 1"
    submitter = submit(pytorch_job(command, 1, policy="OnFailure"), node.namespace)
    until(submitter, lambda: "line 5" in lines(submitter.out, "worker-0"))
    node.kill("churn-0123456789-worker-0")
    assert submitter.end(0)["outcome"] == "succeeded"
    seen = lines(submitter.out, "worker-0")
    assert seen[-1] == "again"
    assert seen[:-1] == [f"line {number}" for number in range(1, len(seen))]
    assert lines(submitter.out, "master-0") == [f"line {number}" for number in range(1, 61)]
    assert re.search("worker-0: .*started again after it was ended by signal 9 .restart 1", submitter.err)


def test_a_replica_that_fails_tells_the_reason(node: Node, submit: Submit) -> None:
    command = "if [ $RANK = 1 ]; then echo bad; exit 5; else sleep 60; fi"
    report = submit(pytorch_job(command, 1, clean="Running"), node.namespace).end(1)
    assert report["outcome"] == "failed"
    assert report["reason"].startswith("worker-0 ended with exit code 5; ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["Job", "PyTorchJob"])
def test_a_signal_cancels_the_job_and_its_pods_end(
    node: Node, submit: Submit, place: Path, kind: str, number: int
) -> None:
    command = (
        "trap 'echo saving; touch saved; exit' TERM; touch begun; echo up; while true; do sleep 0.1; done"
    )
    made = job(command) if kind == "Job" else pytorch_job(command, 1)
    submitter = submit(made, node.namespace)
    replicas = 1 if kind == "Job" else 2
    until(submitter, lambda: submitter.out.count("| up") == replicas)
    submitter.process.send_signal(number)
    report = submitter.end(130)
    assert (report["outcome"], report["reason"]) == ("killed", "interrupted")
    assert jobs(node, manifest.kind_named(kind).resource) == []
    assert node.plane.get("pods", "-n", node.namespace)["items"] == []
    assert (place / "saved").exists()
    assert submitter.out.count("| saving") == replicas
    assert "cancelled" in submitter.err


def test_a_job_that_is_deleted_by_somebody_else(node: Node, submit: Submit) -> None:
    submitter = submit(job("echo up; sleep 100"), node.namespace)
    until(submitter, lambda: "up" in submitter.out)
    node.plane.kubectl("delete", "job", "churn-0123456789", "-n", node.namespace)
    assert submitter.end(1)["outcome"] == "killed"


def test_detached_and_taken_up_again(node: Node, submit: Submit, place: Path) -> None:
    made = job("echo first; while [ ! -e go ]; do sleep 0.1; done; echo last")
    assert submit(made, node.namespace, detach=True).end(0)["outcome"] == "submitted"
    submitter = submit(made, node.namespace)
    until(submitter, lambda: "first" in submitter.out)
    (place / "go").touch()
    assert submitter.end(0)["outcome"] == "succeeded"
    assert lines(submitter.out, "job-0") == ["first", "last"]
    assert "it had been submitted before" in submitter.err
    assert len(node.plane.get("pods", "-n", node.namespace)["items"]) == 1
    seen: list[tuple[str, str]] = []
    kubectl = Kubectl("mx-tests", node.namespace)
    logs.show(kubectl, manifest.ref(made), lambda name, text: seen.append((name, text)), pytest.fail)
    assert seen == [("job-0", "first"), ("job-0", "last")]


def test_another_runs_job_is_left_alone(node: Node, submit: Submit) -> None:
    submit(job("sleep 100"), node.namespace, detach=True).end(0)
    submitter = submit(job("true", run=f"{RUN[:10]}-another"), node.namespace)
    assert submitter.end(1)["outcome"] == "refused"
    assert "it belongs to another run" in submitter.err
    assert jobs(node) == ["churn-0123456789"]


def test_a_server_that_is_lost_for_a_while(node: Node, proxy: Proxy, submit: Submit) -> None:
    submitter = submit(job(COUNT), node.namespace)
    until(submitter, lambda: "line 5\n" in submitter.out)
    proxy.shut()
    until(submitter, lambda: "the API server does not answer, trying again" in submitter.err)
    time.sleep(2)
    proxy.open()
    assert submitter.end(0)["outcome"] == "succeeded"
    assert lines(submitter.out, "job-0") == [f"line {number}" for number in range(1, 61)]
    assert submitter.err.count("the API server does not answer") == 1
    assert submitter.err.count("the API server answers again") == 1
    assert jobs(node) == ["churn-0123456789"]


def test_a_container_that_is_started_again_while_the_server_is_lost(
    node: Node, proxy: Proxy, submit: Submit
) -> None:
    command = f"if [ -e once ]; then echo again; sleep 1; else touch once; {COUNT}; fi"
    submitter = submit(job(command, policy="OnFailure"), node.namespace)
    until(submitter, lambda: "line 5\n" in submitter.out)
    proxy.shut()
    until(submitter, lambda: "the API server does not answer" in submitter.err)
    (pod,) = node.plane.get("pods", "-n", node.namespace)["items"]
    node.kill(pod["metadata"]["name"])
    node.plane.wait(
        "the restart",
        lambda: node.plane.get("pods", "-n", node.namespace)["items"][0]["status"]["containerStatuses"][0][
            "restartCount"
        ],
    )
    proxy.open()
    assert submitter.end(0)["outcome"] == "succeeded"
    seen = lines(submitter.out, "job-0")
    assert seen[-1] == "again"
    assert seen[:-1] == [f"line {number}" for number in range(1, len(seen))]


def test_cancelling_while_the_server_is_lost(node: Node, proxy: Proxy, submit: Submit) -> None:
    submitter = submit(job("echo up; sleep 100"), node.namespace)
    until(submitter, lambda: "up" in submitter.out)
    proxy.shut()
    until(submitter, lambda: "does not answer" in submitter.err)
    submitter.process.send_signal(signal.SIGINT)
    time.sleep(2)
    assert jobs(node) == ["churn-0123456789"]
    proxy.open()
    assert submitter.end(130)["outcome"] == "killed"
    assert jobs(node) == []


# The server does what it is asked, and its answer is lost on the way.
LOSES_ANSWER = """\
#!/bin/sh
{kubectl} "$@"
code=$?
case "$*" in *create*)
    if [ ! -e {marker} ]; then touch {marker}; echo 'Unable to connect to the server: EOF' >&2; exit 1; fi
esac
exit $code
"""


def test_an_answer_that_is_lost_does_not_make_two_jobs(
    node: Node, submit: Submit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = subprocess.run(["which", "kubectl"], capture_output=True, text=True, check=True).stdout.strip()
    wrapper = tmp_path / "bin" / "kubectl"
    wrapper.parent.mkdir()
    wrapper.write_text(LOSES_ANSWER.format(kubectl=found, marker=tmp_path / "lost"))
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", str(wrapper.parent), prepend=os.pathsep)
    submitter = submit(job("echo once >> runs; echo done"), node.namespace)
    assert submitter.end(0)["outcome"] == "succeeded"
    assert (tmp_path / "lost").exists()
    assert (tmp_path / "place" / "runs").read_text() == "once\n"
    assert jobs(node) == ["churn-0123456789"]
