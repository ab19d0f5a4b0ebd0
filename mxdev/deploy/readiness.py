"""Whether the workloads of a deployment are ready, and what each pod that is not waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mxdev.cluster import waiting
from mxdev.cluster.kubectl import Kubectl
from mxdev.deploy import objects
from mxdev.deploy.config import Deployment
from mxdev.deploy.objects import Object
from mxdev.errors import MxError

_LOOK_EVERY = 2.0


def lacking(workload: Object) -> str:
    """What a workload still lacks, in a few words; empty: it is ready. Pure."""
    spec, status = workload.get("spec", {}), workload.get("status", {})
    kind = workload["kind"]
    if kind == "InferenceService":
        return _of_kserve(status)
    if kind == "SeldonDeployment":
        state = str(status.get("state") or "")
        waits = ": ".join(filter(None, (state, status.get("description") or "")))
        return "" if state == "Available" else waits or _nobody("Seldon Core")
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return "it has not been looked at yet"
    if kind == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        updated, ready = status.get("updatedNumberScheduled", 0), status.get("numberReady", 0)
    else:
        wanted = spec.get("replicas", 1)
        updated = status.get("updatedReplicas", 0)
        ready = status.get("availableReplicas" if kind == "Deployment" else "readyReplicas", 0)
        if kind == "StatefulSet" and (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
            updated = wanted
    if min(updated, ready) >= wanted:
        return ""
    return f"{min(updated, ready)} of {wanted} pods ready"


def _of_kserve(status: Object) -> str:
    ready = next((one for one in status.get("conditions") or () if one.get("type") == "Ready"), None)
    if ready is None:
        return _nobody("KServe")
    said = ": ".join(filter(None, (ready.get("reason"), ready.get("message"))))
    return "" if ready.get("status") == "True" else said or "its model is not ready"


def _nobody(engine: str) -> str:
    return f"no controller has looked at it yet: is {engine} installed?"


def not_ready(found: Sequence[Object]) -> list[str]:
    """The workloads that are not ready, and what they lack."""
    return [
        f"{one['kind']} {one['metadata']['name']}: {text}"
        for one in objects.workloads(found)
        if (text := lacking(one))
    ]


def reasons(root: Path, kubectl: Kubectl, found: Sequence[Object]) -> list[str]:
    """For every workload that is not ready, what its pods wait for."""
    late = [one for one in objects.workloads(found) if lacking(one)]
    if not late:
        return []
    events = objects.listed(root, kubectl, "events")
    told: list[str] = []
    for one in late:
        selector = ",".join(f"{key}={value}" for key, value in objects.pod_labels(one).items())
        pods = objects.listed(root, kubectl, "pods", f"--selector={selector}") if selector else []
        lines = []
        for pod in pods:
            if text := of_pod(pod, events):
                lines.append(f"{pod['metadata']['name']}: {text}")
        why = waiting.of_creation(one["metadata"]["name"], pods, events)
        told += lines or [f"{one['kind']} {one['metadata']['name']}: {why or lacking(one)}"]
    return told


def of_pod(pod: Object, events: Sequence[Object]) -> str:
    """Why a pod is not ready, in a few words; empty: it is, or nothing is known of it yet. Pure."""
    if text := waiting.of_pod(pod, events):
        return text
    late = [one for one in pod.get("status", {}).get("containerStatuses") or [] if not one.get("ready")]
    if not late:
        return ""
    if text := waiting.of_failed_pod(pod):
        return f"it {text}"
    ended = next(filter(None, map(waiting.of_end, late)), "")
    if not any("running" in (one.get("state") or {}) for one in late):
        # A pod that is over is not started again; another one may take its place.
        over = pod["status"].get("phase") in ("Failed", "Succeeded")
        return f"its container {ended or 'ended by itself with exit code 0'}{'' if over else ', and is started again'}"
    probe = "its readiness probe does not succeed yet"
    return f"it runs again, after its container {ended}, and {probe}" if ended else f"it runs, and {probe}"


def wait(
    root: Path, kubectl: Kubectl, deployment: Deployment, say: Callable[[str], None], timeout: float
) -> None:
    """Wait until the workloads of a deployment are ready; what each pod waits for is said when it changes.

    Args:
        root: the project.
        kubectl: the context, and the deployment's namespace.
        deployment: what is waited for.
        say: shows a line of progress.
        timeout: seconds.

    Raises:
        MxError: it is not ready in time; with what each pod waits for.
    """
    deadline = time.monotonic() + timeout
    said: set[str] = set()
    while True:
        found = objects.there(root, kubectl, deployment)
        if not not_ready(found):
            return
        told = reasons(root, kubectl, found)
        for line in told:
            if line not in said:
                say(line)
        said = set(told)
        if time.monotonic() > deadline:
            raise MxError(
                f"it is not ready after {timeout:.0f} s.\n" + "\n".join(f"  {line}" for line in told),
                hint=f"`kubectl --context {kubectl.context} --namespace {kubectl.namespace} get events` shows more; "
                "--timeout waits longer.",
            )
        time.sleep(_LOOK_EVERY)
