"""From the objects of the API server to the state of a job."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.objects import RUNNING, condition, event, job, pod, terminated, unscheduled, waiting
from mxdev.cluster import state
from mxdev.cluster.manifest import KINDS, JobKind, kind_named
from mxdev.cluster.state import State

JOB, PYTORCH, TRAIN = kind_named("Job"), kind_named("PyTorchJob"), kind_named("TrainJob")


def worker(number: int, role: str = "worker", **more: Any) -> dict[str, Any]:
    labels = {"training.kubeflow.org/replica-type": role, "training.kubeflow.org/replica-index": str(number)}
    return pod(f"churn-{role}-{number}", labels=labels, container="pytorch", **more)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_phases(kind: JobKind) -> None:
    running = pod(phase="Running", state=RUNNING, container=kind.container or "trainer")
    assert state.read(kind, None) == State("gone", "it is not in the cluster any more")
    assert state.read(kind, job(), [unscheduled("")]).phase == "pending"
    assert state.read(kind, job(), [running, pod("churn-1")]).phase == "running"
    done = [condition("Failed", status="False"), condition(kind.done)]
    assert state.read(kind, job(conditions=done), [running]).phase == "succeeded"
    failed = [
        condition(kind.done, status="False"),
        condition("Failed", "BackoffLimitExceeded", "no more tries"),
    ]
    assert state.read(kind, job(conditions=failed), [running]).reason == "no more tries"
    assert state.read(kind, job(conditions=failed), [running]).phase == "failed"
    deleted = job()
    deleted["metadata"]["deletionTimestamp"] = "2026-11-21T15:00:00Z"
    assert state.read(kind, deleted, [running]).phase == "gone"


def test_what_is_over() -> None:
    assert [
        phase for phase in ("pending", "running", "succeeded", "failed", "gone") if State(phase).over
    ] == [  # type: ignore[arg-type]
        "succeeded",
        "failed",
        "gone",
    ]


def test_replicas_of_a_pytorch_job_are_in_order() -> None:
    pods = [worker(10, phase="Running", state=RUNNING), worker(9), worker(0, "master", node=None)]
    seen = state.read(PYTORCH, job("PyTorchJob"), pods)
    assert [(replica.name, replica.pod, replica.phase) for replica in seen.replicas] == [
        ("master-0", "churn-master-0", "pending"),
        ("worker-9", "churn-worker-9", "pending"),
        ("worker-10", "churn-worker-10", "running"),
    ]
    assert [replica.waiting_for for replica in seen.replicas] == [
        "the scheduler has not looked at it yet",
        "its container is being made",
        "",
    ]


def test_replicas_of_other_kinds() -> None:
    node = pod(
        "churn-node-0-1-x7k2p",
        labels={
            "jobset.sigs.k8s.io/replicatedjob-name": "node",
            "batch.kubernetes.io/job-completion-index": "1",
        },
    )
    assert [replica.name for replica in state.read(TRAIN, job("TrainJob"), [node]).replicas] == ["node-1"]
    first = pod("churn-zzzzz", created="2026-11-21T15:00:00Z")
    second = pod("churn-aaaaa", created="2026-11-21T15:00:01Z")
    replicas = state.read(JOB, job(), [second, first]).replicas
    assert [(replica.name, replica.pod) for replica in replicas] == [
        ("job-0", "churn-zzzzz"),
        ("job-1", "churn-aaaaa"),
    ]
    indexed = pod(labels={"batch.kubernetes.io/job-completion-index": "3"})
    assert state.read(JOB, job(), [indexed]).replicas[0].name == "job-3"


def test_restarts() -> None:
    again = worker(1, phase="Running", state=RUNNING, last=terminated(137, "OOMKilled"), restarts=2)
    (replica,) = state.read(PYTORCH, job("PyTorchJob"), [again]).replicas
    assert (replica.phase, replica.restarts) == ("running", 2)
    assert replica.ended.startswith("was killed because it used more memory")


def test_of_several_dead_pods_the_first_that_died_tells_the_reason() -> None:
    failed = [
        condition(
            "Failed", "PyTorchJobFailed", "PyTorchJob churn is failed because 1 Worker replica(s) failed."
        )
    ]
    pods = [
        worker(0, "master", phase="Failed", state=terminated(143, at="2026-11-21T15:00:09Z")),
        worker(
            0, phase="Failed", state=terminated(1, at="2026-11-21T15:00:05Z", message="CUDA out of memory")
        ),
        worker(1, phase="Running", state=RUNNING),
    ]
    seen = state.read(PYTORCH, job("PyTorchJob", conditions=failed), pods)
    assert seen.reason == (
        "worker-0 ended with exit code 1: CUDA out of memory; "
        "PyTorchJob churn is failed because 1 Worker replica(s) failed."
    )


def test_an_evicted_pod_tells_the_reason() -> None:
    failed = [condition("Failed", "BackoffLimitExceeded")]
    evicted = pod(phase="Failed", reason="Evicted", message="low on memory", state=terminated(137))
    assert (
        state.read(JOB, job(conditions=failed), [evicted]).reason
        == "job-0 was ended (Evicted): low on memory; BackoffLimitExceeded"
    )


QUOTA = 'Error creating: pods "churn-0" is forbidden: exceeded quota: gpus, requested: pods=1, used: pods=2, limited: pods=2'


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_the_job_waits_for(kind: JobKind) -> None:
    events = [event("FailedCreate", QUOTA, "churn")]
    assert state.read(kind, job(), [], events) == State(
        "pending", "the quota gpus is used up: needed pods=1, used pods=2, limit pods=2"
    )
    assert "is suspended" in state.read(kind, job(spec={"suspend": True}), []).reason
    assert "is suspended" in state.read(kind, job(spec={"runPolicy": {"suspend": True}}), []).reason
    assert f"controller for {kind.name}s running?" in state.read(kind, job(), []).reason
    assert state.read(kind, job(conditions=[condition("Created")]), []).reason == ""
    assert state.read(kind, job(), [pod()]).reason == ""


def test_the_training_container_is_found_among_sidecars() -> None:
    def with_sidecar(container: str) -> dict[str, Any]:
        made = pod(container=container, state=RUNNING)
        made["spec"]["containers"].insert(0, {"name": "istio-proxy"})
        made["status"]["containerStatuses"].insert(0, {"name": "istio-proxy", "state": waiting("x")})
        return made

    assert state.training_container(PYTORCH, with_sidecar("pytorch")) == "pytorch"
    assert state.training_status(PYTORCH, with_sidecar("pytorch"))["state"] == RUNNING
    assert state.training_container(TRAIN, with_sidecar("node")) == "node"
    annotated = with_sidecar("trainer")
    annotated["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "trainer"}
    assert state.training_container(JOB, annotated) == "trainer"
    assert state.training_container(JOB, with_sidecar("trainer")) == "istio-proxy"
    assert state.training_status(JOB, pod()) == {}
