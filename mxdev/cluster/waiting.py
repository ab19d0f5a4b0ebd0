"""Why a pod waits or what it died of, as sentences for a person. Pure: objects as `kubectl get -o json` gives them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Object = Mapping[str, Any]

_PULL = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}
# Said when there is nothing wrong, or not yet.
BEING_MADE = "its container is being made"

_TAINT = "untolerated taint"
# What the scheduler says of nodes, what that means; the first that fits is the one that matters most.
_SCHEDULER = (
    (r"Insufficient \S*/(?:gpu|mig-)", "no node has a free GPU"),
    (r"Insufficient memory", "no node has that much free memory"),
    (r"Insufficient cpu", "no node has that many free CPUs"),
    (r"Insufficient (\S+?)[,.;](?: |$)", "no node has enough free {0}"),
    (_TAINT, "no node takes it in (it lacks a toleration)"),
    (r"didn't match Pod's node affinity/selector", "no node has the labels that it asks for"),
    (r"persistentvolumeclaim \"([^\"]+)\" not found", "its volume claim {0} is missing"),
    (r"unbound immediate PersistentVolumeClaims", "its volume has not been made yet"),
    (r"no nodes available", "the cluster has no node"),
)


def of_pod(pod: Object, events: Iterable[Object] = ()) -> str:
    """What a pod that does not run yet waits for; empty when its container runs or has ended for good."""
    status = pod.get("status", {})
    if status.get("phase") in ("Succeeded", "Failed"):
        return ""
    if pod["metadata"].get("deletionTimestamp"):
        return "it is being ended"
    about = [event for event in events if _involved(event).get("name") == pod["metadata"]["name"]]
    if not pod.get("spec", {}).get("nodeName"):
        return _of_scheduling(status, about)
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        waiting = container.get("state", {}).get("waiting")
        if waiting and (text := _of_container(container, waiting, about)):
            return text
    # An init container that is always started again is a sidecar, and nothing waits for its end.
    spec = pod["spec"].get("initContainers", ())
    sidecars = {container["name"] for container in spec if container.get("restartPolicy") == "Always"}
    for container in status.get("initContainerStatuses", ()):
        if "running" in container.get("state", {}) and container["name"] not in sidecars:
            return f"its init container {container['name']} runs"
    started = any(
        {"running", "terminated"} & container.get("state", {}).keys()
        for container in status.get("containerStatuses", ())
    )
    return "" if started or status.get("phase") == "Running" else _of_node(about) or BEING_MADE


def _of_scheduling(status: Object, events: Iterable[Object]) -> str:
    for condition in status.get("conditions", ()):
        if condition.get("type") != "PodScheduled" or condition.get("status") != "False":
            continue
        # What follows the first sentence is about preemption and claims, in which nobody here can help.
        message = condition.get("message", "").partition(". ")[0].rstrip(".")
        if condition.get("reason") == "SchedulingGated":
            return "a queue holds it back (it has scheduling gates)"
        meaning = _meaning(message)
        if any(event.get("reason") == "TriggeredScaleUp" for event in events):
            return f"the cluster is adding a node: {meaning} ({message})"
        return f"{meaning} ({message})" if message else meaning
    return "the scheduler has not looked at it yet"


def _meaning(message: str) -> str:
    for pattern, sentence in _SCHEDULER:
        if match := re.search(pattern, f"{message}."):
            meaning = sentence.format(*match.groups())
            # GPU nodes are tainted, as a rule: the ones that lack room may be others than the ones that would do.
            tainted = _TAINT in message and pattern != _TAINT
            return f"{meaning}, of those whose taints it tolerates" if tainted else meaning
    return "no node can take it"


def _of_container(container: Object, waiting: Object, events: Sequence[Object]) -> str:
    """What a container waits for; empty when nothing is wrong with it."""
    reason = waiting.get("reason", "")
    message = waiting.get("message", "")
    if reason in _PULL:
        # While kubelet pauses between two tries, its message may say no more than that; the event says why.
        causes = [text for event in events if "Failed to pull image" in (text := event.get("message", ""))]
        cause = _cut(re.sub(r'^Failed to pull image "[^"]*": ', "", causes[-1]) if causes else message)
        return f"the image {container.get('image')} cannot be pulled: {cause or reason}"
    if reason == "CrashLoopBackOff":
        ended = of_end(container) or "ended by itself with exit code 0, though it has to stay"
        return f"it is started again after a pause: its container {ended}"
    if reason == "CreateContainerConfigError":
        return f"its settings are wrong: {_cut(message)}"
    if reason in ("ContainerCreating", "PodInitializing", ""):
        return ""
    return f"its container cannot be started ({reason}): {_cut(message)}"


def _of_node(events: Sequence[Object]) -> str:
    """What keeps the node from making a container."""
    for event in sorted(events, key=when, reverse=True):
        reason, message = event.get("reason", ""), _cut(event.get("message", ""))
        if reason in ("FailedMount", "FailedAttachVolume", "FailedMapVolume"):
            return f"a volume cannot be mounted: {message}"
        if reason == "FailedCreatePodSandBox":
            return f"the node cannot set up its network or sandbox: {message}"
    return ""


def of_creation(name: str, pods: Iterable[Object], events: Iterable[Object]) -> str:
    """Why pods of the job `name` cannot be created; empty when nothing is known of that.

    An event tells of the past: one that is older than the newest pod has been overtaken.
    """
    newest = max((pod["metadata"].get("creationTimestamp", "") for pod in pods), default="")
    failed = [
        event
        for event in events
        if event.get("reason") in ("FailedCreate", "FailedCreatePod")
        and (_involved(event).get("name", "") + "-").startswith(name + "-")
        and when(event) >= newest[:19]
    ]
    if not failed:
        return ""
    message = max(failed, key=when).get("message", "").removeprefix("Error creating: ")
    if match := re.search(r"exceeded quota: ([^,]+), requested: (.+), used: (.+), limited: (.+)", message):
        quota, requested, used, limited = match.groups()
        return f"the quota {quota} is used up: needed {requested}, used {used}, limit {limited}"
    if match := re.search(r'serviceaccount "([^"]+)" not found', message):
        return f"the service account {match[1]} is missing in this namespace"
    if match := re.search(r'violates PodSecurity "[^"]*".*', message):
        return f"the namespace's security level refuses its pods: {_cut(match[0])}"
    return f"its pods cannot be created: {_cut(message)}"


def of_end(container: Object) -> str:
    """What the last end of a container was, as the end of a sentence; empty when it never ended badly."""
    for state in ("state", "lastState"):
        terminated = container.get(state, {}).get("terminated")
        if terminated and terminated.get("exitCode"):
            return _of_terminated(terminated)
    return ""


def _of_terminated(terminated: Object) -> str:
    code, reason = terminated.get("exitCode", 0), terminated.get("reason", "")
    said = _cut(terminated.get("message", ""))
    if reason == "OOMKilled":
        return "was killed because it used more memory than its limit (OOMKilled)"
    if reason in ("StartError", "ContainerCannotRun"):
        return f"could not be started: {said or reason}"
    signal = terminated.get("signal") or (code - 128 if 128 < code < 160 else 0)
    text = f"was ended by signal {signal}" if signal else f"ended with exit code {code}"
    return f"{text}: {said}" if said else text


def of_failed_pod(pod: Object) -> str:
    """What a whole pod was ended for: eviction, a lost node, a deadline; empty for any other end."""
    status = pod.get("status", {})
    for condition in status.get("conditions", ()):
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            return f"was taken off its node ({condition.get('reason')}): {_cut(condition.get('message', ''))}"
    if status.get("phase") == "Failed" and status.get("reason"):
        return f"was ended ({status['reason']}): {_cut(status.get('message', ''))}"
    return ""


def when(event: Object) -> str:
    """When an event was last seen, as a text that sorts, to the second."""
    times = (
        (event.get("series") or {}).get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event.get("metadata", {}).get("creationTimestamp"),
    )
    return next((time[:19] for time in times if time), "")


def _involved(event: Object) -> Object:
    involved: Object = event.get("involvedObject") or {}
    return involved


def _cut(text: str, length: int = 300) -> str:
    """One line, without what a program puts before its words."""
    text = re.sub(r"rpc error: code = \w+ desc = ", "", " ".join(text.split()))
    return text if len(text) <= length else text[: length - 1] + "…"
