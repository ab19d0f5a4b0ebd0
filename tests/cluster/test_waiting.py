"""Why a pod waits and what it died of, in words."""

from __future__ import annotations

import pytest

from cluster.objects import (
    IMAGE,
    RUNNING,
    Object,
    condition,
    event,
    pod,
    terminated,
    unscheduled,
    waiting,
)
from mxdev.cluster import waiting as sentences

NO_GPU = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
PREEMPTION = " preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod."


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            NO_GPU + PREEMPTION,
            "no node has a free GPU (0/3 nodes are available: 3 Insufficient nvidia.com/gpu)",
        ),
        (
            "0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient amd.com/gpu.",
            "no node has a free GPU (",
        ),
        (
            "0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.",
            "no node has that much free memory (",
        ),
        ("0/1 nodes are available: 1 Insufficient cpu.", "no node has that many free CPUs ("),
        (
            "0/1 nodes are available: 1 Insufficient google.com/tpu.",
            "no node has enough free google.com/tpu (",
        ),
        (
            "0/1 nodes are available: 1 node(s) had untolerated taint {nvidia.com/gpu: present}.",
            "no node takes it in (it lacks a toleration) (",
        ),
        (
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
            "no node has the labels that it asks for (",
        ),
        (
            '0/1 nodes are available: persistentvolumeclaim "data" not found.',
            "its volume claim data is missing (",
        ),
        ("pod has unbound immediate PersistentVolumeClaims.", "its volume has not been made yet ("),
        (
            "0/5 nodes are available: 2 Insufficient nvidia.com/gpu, 3 node(s) had untolerated taint(s). no new claims "
            "to deallocate, preemption: 0/5 nodes are available",
            "no node has a free GPU, of those whose taints it tolerates (0/5 nodes are available: 2 Insufficient "
            "nvidia.com/gpu, 3 node(s) had untolerated taint(s))",
        ),
        ("no nodes available to schedule pods", "the cluster has no node ("),
        ("0/1 nodes are available: 1 node(s) were unschedulable.", "no node can take it (0/1 nodes"),
    ],
)
def test_scheduling(message: str, said: str) -> None:
    assert sentences.of_pod(unscheduled(message)).startswith(said)


def test_a_node_is_being_added() -> None:
    events = [event("TriggeredScaleUp", "pod triggered scale-up: [{pool 0->1 (max: 4)}]")]
    assert sentences.of_pod(unscheduled(NO_GPU), events).startswith(
        "the cluster is adding a node: no node has a free GPU"
    )
    others = [event("TriggeredScaleUp", "pod triggered scale-up", about="churn-1")]
    assert sentences.of_pod(unscheduled(NO_GPU), others).startswith("no node has a free GPU")


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (unscheduled("", "SchedulingGated"), "a queue holds it back (it has scheduling gates)"),
        (pod(node=None), "the scheduler has not looked at it yet"),
        (pod(), "its container is being made"),
        (pod(state=waiting("ContainerCreating")), "its container is being made"),
        (pod(state=RUNNING), ""),
        (pod(phase="Running", state=RUNNING), ""),
        (pod(phase="Failed", state=terminated(1)), ""),
        (pod(phase="Succeeded", node=None), ""),
        (
            pod(state=waiting("ErrImagePull", "rpc error: code = NotFound desc = x: not found")),
            f"the image {IMAGE} cannot be pulled: x: not found",
        ),
        (pod(state=waiting("InvalidImageName")), f"the image {IMAGE} cannot be pulled: InvalidImageName"),
        (
            pod(state=waiting("CreateContainerConfigError", 'secret "db" not found')),
            'its settings are wrong: secret "db" not found',
        ),
        (
            pod(state=waiting("RunContainerError", "exec: bash: not found")),
            "its container cannot be started (RunContainerError): exec: bash: not found",
        ),
        (
            pod(phase="Running", state=waiting("CrashLoopBackOff", "back-off 10s"), last=terminated(1), restarts=3),
            "it is started again after a pause: its container ended with exit code 1",
        ),
        (
            pod(initContainerStatuses=[{"name": "init-pytorch", "state": RUNNING}], state=waiting("PodInitializing")),
            "its init container init-pytorch runs",
        ),
        (
            pod(
                initContainerStatuses=[
                    {"name": "init-pytorch", "image": "alpine:3.10", "state": waiting("ErrImagePull", "no")}
                ],
                state=waiting("PodInitializing"),
            ),
            "the image alpine:3.10 cannot be pulled: no",
        ),
    ],
)  # fmt: skip
def test_pod(of: Object, said: str) -> None:
    assert sentences.of_pod(of) == said


def test_a_sidecar_that_runs_is_not_waited_for() -> None:
    made = pod(initContainerStatuses=[{"name": "proxy", "state": RUNNING}], state=waiting("PodInitializing"))
    made["spec"]["initContainers"] = [{"name": "proxy", "restartPolicy": "Always"}]
    assert sentences.of_pod(made) == "its container is being made"


def test_a_pod_that_is_being_deleted() -> None:
    going = pod(state=RUNNING)
    going["metadata"]["deletionTimestamp"] = "2026-11-21T15:00:00Z"
    assert sentences.of_pod(going) == "it is being ended"


def test_between_two_pulls_the_event_tells_the_cause() -> None:
    backing_off = pod(state=waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"'))
    cause = event("Failed", f'Failed to pull image "{IMAGE}": rpc error: code = Unknown desc = 403 Forbidden')
    assert sentences.of_pod(backing_off, [cause]) == f"the image {IMAGE} cannot be pulled: 403 Forbidden"
    assert "Back-off" in sentences.of_pod(backing_off)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("FailedMount", "a volume cannot be mounted: MountVolume failed"),
        ("FailedCreatePodSandBox", "the node cannot set up its network or sandbox: MountVolume failed"),
        ("NodeNotReady", "its container is being made"),
    ],
)
def test_the_node_cannot_make_the_container(reason: str, said: str) -> None:
    making = pod(state=waiting("ContainerCreating"))
    assert sentences.of_pod(making, [event(reason, "MountVolume\n failed")]) == said


QUOTA = (
    'Error creating: pods "churn-worker-0" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, '
    "used: requests.nvidia.com/gpu=2, limited: requests.nvidia.com/gpu=2"
)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            QUOTA,
            "the quota gpus is used up: needed requests.nvidia.com/gpu=1, used requests.nvidia.com/gpu=2, "
            "limit requests.nvidia.com/gpu=2",
        ),
        (
            'Error creating: pods "churn-" is forbidden: error looking up service account ml/trainer: serviceaccount '
            '"trainer" not found',
            "the service account trainer is missing in this namespace",
        ),
        (
            'Error creating: pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            'the namespace\'s security level refuses its pods: violates PodSecurity "restricted:latest": '
            "runAsNonRoot != true",
        ),
        ("Error creating: the moon is full", "its pods cannot be created: the moon is full"),
    ],
)
@pytest.mark.parametrize(
    ("reason", "about"), [("FailedCreate", "churn"), ("FailedCreatePod", "churn-node-0")]
)
def test_pods_that_cannot_be_created(message: str, said: str, reason: str, about: str) -> None:
    assert sentences.of_creation("churn", [], [event(reason, message, about)]) == said


def test_creation_that_was_refused_once_and_worked_later() -> None:
    early = event("FailedCreate", QUOTA, "churn", at="2026-11-21T14:59:59Z")
    assert sentences.of_creation("churn", [], [early]) != ""
    assert sentences.of_creation("churn", [pod(created="2026-11-21T15:00:00Z")], [early]) == ""
    again = {"series": {"lastObservedTime": "2026-11-21T15:00:01.123456Z"}, "lastTimestamp": None}
    assert sentences.of_creation("churn", [pod()], [early | again]) != ""


@pytest.mark.parametrize("about", ["other", "churner", "chur"])
def test_events_of_others(about: str) -> None:
    assert sentences.of_creation("churn", [], [event("FailedCreate", QUOTA, about)]) == ""


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (terminated(1), "ended with exit code 1"),
        (terminated(1, message="ValueError: no\n data"), "ended with exit code 1: ValueError: no data"),
        (terminated(137), "was ended by signal 9"),
        (terminated(137, "OOMKilled"), "was killed because it used more memory than its limit (OOMKilled)"),
        (terminated(128, "StartError", message="no bash"), "could not be started: no bash"),
        (terminated(0, "Completed"), ""),
        (RUNNING, ""),
    ],
)
def test_ends(state: Object, said: str) -> None:
    assert sentences.of_end({"state": state}) == said
    assert sentences.of_end({"state": RUNNING, "lastState": state}) == said


def test_pods_that_were_taken_away() -> None:
    evicted = pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    assert sentences.of_failed_pod(evicted) == "was ended (Evicted): The node was low on resource: memory."
    disrupted = pod(
        phase="Failed", conditions=[condition("DisruptionTarget", "DeletionByTaintManager", "Taint manager")]
    )
    assert (
        sentences.of_failed_pod(disrupted) == "was taken off its node (DeletionByTaintManager): Taint manager"
    )
    assert sentences.of_failed_pod(pod(phase="Running", state=RUNNING)) == ""


def test_a_long_message_is_cut() -> None:
    said = sentences.of_pod(pod(state=waiting("CreateContainerError", "x" * 5000)))
    assert len(said) < 400
    assert said.endswith("x…")
