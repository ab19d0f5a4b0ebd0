"""What a job is doing: the objects that the API server gives -> phase, replicas, and why it waits or failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mxdev.cluster import waiting
from mxdev.cluster.kubectl import Kubectl
from mxdev.cluster.manifest import JobKind, JobRef
from mxdev.cluster.refusals import ClusterError

Phase = Literal["pending", "running", "succeeded", "failed", "gone"]
Object = Mapping[str, Any]

_PHASES: Mapping[str, Phase] = {"Running": "running", "Succeeded": "succeeded", "Failed": "failed"}


@dataclass(frozen=True)
class Replica:
    """One pod of a job.

    Attributes:
        name: what a person calls it: master-0, worker-1, node-0, job-0.
        pod: the pod's name.
        phase: pending, running, succeeded or failed.
        restarts: how often its container was started again.
        waiting_for: what it waits for, as a sentence; empty when it runs or has ended.
        ended: what its container last died of, as the end of a sentence that starts with its name.
    """

    name: str
    pod: str
    phase: Phase
    restarts: int = 0
    waiting_for: str = ""
    ended: str = ""


@dataclass(frozen=True)
class State:
    """A job at one moment.

    Attributes:
        phase: pending, running, succeeded, failed, or gone (it is not there any more, or is being deleted).
        reason: why it waits, failed or is gone; empty when there is nothing to say.
        replicas: its pods, in order.
    """

    phase: Phase
    reason: str = ""
    replicas: tuple[Replica, ...] = ()

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.phase in ("succeeded", "failed", "gone")


@dataclass(frozen=True)
class Seen:
    """What one look at the cluster gave: the job (None: not there), its pods, and events around them."""

    job: Object | None
    pods: Sequence[Object] = ()
    events: Sequence[Object] = ()


def ask(kubectl: Kubectl, ref: JobRef) -> Seen:
    """Look at a job and its pods, and at events where a pod waits.

    Raises:
        ClusterError: the API server refuses, or is away for too long.
    """
    try:
        job = kubectl.json("get", *ref.words)
    except ClusterError as problem:
        if problem.reason != "NotFound":
            raise
        return Seen(None)
    pods = kubectl.json("get", "pods", "--selector", f"{ref.kind.pod_label}={ref.name}")["items"]
    waits = not pods or any(pod.get("status", {}).get("phase", "Pending") == "Pending" for pod in pods)
    return Seen(job, pods, _events(kubectl) if waits else [])


def _events(kubectl: Kubectl) -> list[Object]:
    """What may tell why a pod waits. Who may not read events has to do without."""
    events: list[Object] = []
    # The second is not a warning; of those there are too many to ask for all.
    for which in ("type=Warning", "reason=TriggeredScaleUp"):
        try:
            events += kubectl.json("get", "events", "--field-selector", which)["items"]
        except ClusterError as problem:
            if problem.reason != "Forbidden":
                raise
    return events


def look(kubectl: Kubectl, ref: JobRef) -> State:
    """The state of a job now; raises as `ask` does."""
    seen = ask(kubectl, ref)
    return read(ref.kind, seen.job, seen.pods, seen.events)


def read(
    kind: JobKind, job: Object | None, pods: Sequence[Object] = (), events: Sequence[Object] = ()
) -> State:
    """The state that objects of the API server tell of. Pure.

    Args:
        kind: the job's kind.
        job: the job; None: it is not there.
        pods: its pods.
        events: events of its namespace, of any object.
    """
    if job is None:
        return State("gone", "it is not in the cluster any more")
    replicas = tuple(_replica(name, kind, pod, events) for name, pod in named(kind, pods))
    conditions = {entry["type"]: entry for entry in job.get("status", {}).get("conditions") or ()}
    if _is(conditions, "Failed"):
        return State("failed", _failure(kind, conditions["Failed"], pods), replicas)
    if _is(conditions, kind.done):
        return State("succeeded", "", replicas)
    if job["metadata"].get("deletionTimestamp"):
        return State("gone", "it is being deleted", replicas)
    running = any(replica.phase in ("running", "succeeded") for replica in replicas)
    return State("running" if running else "pending", _waits(kind, job, pods, events), replicas)


def _waits(kind: JobKind, job: Object, pods: Sequence[Object], events: Sequence[Object]) -> str:
    """What the job as a whole waits for."""
    spec = job.get("spec", {})
    if spec.get("suspend") or spec.get("runPolicy", {}).get("suspend"):
        return "it is suspended; a queue such as Kueue, or a person, has to resume it"
    if text := waiting.of_creation(job["metadata"]["name"], pods, events):
        return text
    if not pods and not job.get("status"):
        return f"nothing has taken it up yet; is the cluster's controller for {kind.name}s running?"
    return ""


def _failure(kind: JobKind, condition: Object, pods: Sequence[Object]) -> str:
    """Why the job failed. Of several pods the first that died tells it: the others followed."""
    deaths = []
    for name, pod in named(kind, pods):
        container = training_status(kind, pod)
        what = waiting.of_failed_pod(pod) or waiting.of_end(container)
        if what:
            terminated = container.get("state", {}).get("terminated") or {}
            deaths.append((terminated.get("finishedAt") or "", f"{name} {what}"))
    said = condition.get("message") or condition.get("reason") or ""
    return "; ".join(part for part in (min(deaths)[1] if deaths else "", said) if part)


def named(kind: JobKind, pods: Iterable[Object]) -> list[tuple[str, Object]]:
    """Pods with the names that a person knows them by, in the order of these names."""
    # Pods that have no number of their own are numbered in the order in which they were made.
    by_age = sorted(
        pods, key=lambda pod: (pod["metadata"].get("creationTimestamp", ""), pod["metadata"]["name"])
    )
    found = [(_name(kind, pod, number), pod) for number, pod in enumerate(by_age)]
    return sorted(found, key=lambda entry: _order(entry[0]))


def _name(kind: JobKind, pod: Object, number: int) -> str:
    labels = pod["metadata"].get("labels") or {}
    if kind.name == "PyTorchJob":
        role = labels.get("training.kubeflow.org/replica-type", "pod")
        return f"{role}-{labels.get('training.kubeflow.org/replica-index', number)}"
    role = labels.get("jobset.sigs.k8s.io/replicatedjob-name", "job")
    return f"{role}-{labels.get('batch.kubernetes.io/job-completion-index', number)}"


def _order(name: str) -> tuple[str, int]:
    role, _, number = name.rpartition("-")
    return (role, int(number) if number.isdigit() else 0)


def _replica(name: str, kind: JobKind, pod: Object, events: Sequence[Object]) -> Replica:
    status = pod.get("status", {})
    container = training_status(kind, pod)
    return Replica(
        name=name,
        pod=pod["metadata"]["name"],
        phase=_PHASES.get(status.get("phase", ""), "pending"),
        restarts=container.get("restartCount", 0),
        waiting_for=waiting.of_pod(pod, events),
        ended=waiting.of_failed_pod(pod) or waiting.of_end(container),
    )


def training_container(kind: JobKind, pod: Object) -> str:
    """The name of the container that trains: a sidecar may stand before it."""
    names = [container["name"] for container in pod.get("spec", {}).get("containers", ())]
    annotations = pod["metadata"].get("annotations") or {}
    for name in (kind.container, annotations.get("kubectl.kubernetes.io/default-container")):
        if name in names:
            return str(name)
    return names[0] if names else ""


def training_status(kind: JobKind, pod: Object) -> Object:
    """The status of the container that trains; empty when the node has not said anything yet."""
    name = training_container(kind, pod)
    for container in pod.get("status", {}).get("containerStatuses") or ():
        if container["name"] == name:
            status: Object = container
            return status
    return {}


def _is(conditions: Mapping[str, Object], name: str) -> bool:
    return conditions.get(name, {}).get("status") == "True"
