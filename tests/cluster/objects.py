"""Objects as `kubectl get -o json` gives them, for tests of what is read from them."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
IMAGE = "registry/run:1"


def job(
    kind: str = "Job", *, conditions: list[Object] | None = None, spec: Object | None = None, **status: Any
) -> Object:
    """A job named churn."""
    if conditions is not None:
        status["conditions"] = conditions
    return {"kind": kind, "metadata": {"name": "churn"}, "spec": spec or {}, "status": status}


def condition(kind: str, reason: str = "", message: str = "", status: str = "True") -> Object:
    """A condition of a job or a pod."""
    return {"type": kind, "status": status, "reason": reason, "message": message}


def pod(
    name: str = "churn-0",
    phase: str = "Pending",
    *,
    container: str = "trainer",
    labels: Object | None = None,
    node: str | None = "node-1",
    state: Object | None = None,
    last: Object | None = None,
    restarts: int = 0,
    created: str = "2026-11-21T15:00:00Z",
    **status: Any,
) -> Object:
    """A pod with one container in the given state."""
    if state is not None or last is not None:
        status["containerStatuses"] = [
            {
                "name": container,
                "image": IMAGE,
                "state": state or {},
                "lastState": last or {},
                "restartCount": restarts,
            }
        ]
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "labels": labels or {},
            "creationTimestamp": created,
        },
        "spec": {"containers": [{"name": container, "image": IMAGE}], **({"nodeName": node} if node else {})},
        "status": {"phase": phase, **status},
    }


def unscheduled(message: str, reason: str = "Unschedulable") -> Object:
    """A pod that the scheduler finds no node for."""
    return pod(node=None, conditions=[condition("PodScheduled", reason, message, "False")])


def terminated(
    code: int, reason: str = "Error", at: str = "2026-11-21T15:00:00Z", message: str = ""
) -> Object:
    """The state of a container that has ended."""
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": at, "message": message}}


def waiting(reason: str, message: str = "") -> Object:
    """The state of a container that waits."""
    return {"waiting": {"reason": reason, "message": message}}


RUNNING: Object = {"running": {"startedAt": "2026-11-21T15:00:00Z"}}


def event(
    reason: str, message: str, about: str = "churn-0", at: str = "2026-11-21T15:00:00Z", **more: Any
) -> Object:
    """An event."""
    return {
        "reason": reason,
        "message": message,
        "involvedObject": {"name": about},
        "lastTimestamp": at,
        "metadata": {},
        **more,
    }
