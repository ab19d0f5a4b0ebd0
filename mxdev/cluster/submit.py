"""Submit a job once, wait for it, cancel it."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import shlex
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from mxdev.cluster import manifest as manifests
from mxdev.cluster import state as states
from mxdev.cluster.kubectl import Kubectl
from mxdev.cluster.logs import Follower, Object, Sink
from mxdev.cluster.manifest import JobRef, Manifest
from mxdev.cluster.refusals import ClusterError
from mxdev.cluster.state import State
from mxdev.system import console, signals

# Seconds between two looks at a job: while something happens, and when nothing has for a minute.
_PAUSE = 2.0
_LONG_PAUSE = 5.0
# Seconds for the last lines of the log: of pods that run on although the job is over, and of those that have ended.
_LAST_WORDS = 3.0
_LAST_LOGS = 60.0
# Seconds that pods may take to end beyond what they are granted.
_SPARE = 30.0


def submit(kubectl: Kubectl, manifest: Manifest) -> bool:
    """Make the job, unless it is there already: after an answer that got lost, or a second call.

    Args:
        kubectl: where.
        manifest: what `manifest.fill` returned. Its run label tells our job from another's of the same name.

    Returns:
        Whether it was made; False: it had been submitted before.

    Raises:
        ClusterError: the cluster refuses, another's job bears the name, or the API server is away for too long.
        KeyboardInterrupt: ^C; the job may have been made.
    """
    manifest = copy.deepcopy(manifest)
    manifest["metadata"]["namespace"] = kubectl.namespace
    text = manifests.dump(manifest)
    made = False
    # The first look also tells whether the server can be reached at all, before anything hangs on its answer.
    while not find(kubectl, manifest):
        made = True
        try:
            # ^C must find a job that is there or not, none that is on its way.
            with signals.deferred() as held:
                kubectl.run("create", "--filename", "-", input=text, retry=False)
            return True
        except ClusterError as problem:
            if held.arrived is not None:
                signal.raise_signal(held.arrived)
            if problem.reason == "NotFound":
                raise ClusterError(
                    f"{manifests.ref(manifest)} was refused: {problem.words}",
                    words=problem.words,
                    reason=problem.reason,
                    hint=f"Is the namespace there? `kubectl create namespace {kubectl.namespace}` makes it; "
                    "in a project of mx `devspace deploy` does.",
                ) from problem
            if not problem.lost and problem.reason != "AlreadyExists":
                raise
    return made


def find(kubectl: Kubectl, manifest: Manifest) -> bool:
    """Whether the job of this manifest is in the cluster already.

    Raises:
        ClusterError: one of the same name is, and it is not ours; or the API server refuses.
    """
    ref = manifests.ref(manifest)
    try:
        there = kubectl.json("get", *ref.words)["metadata"]
    except ClusterError as problem:
        if problem.reason != "NotFound":
            raise
        return False
    run = manifest["metadata"].get("labels", {}).get(manifests.RUN_LABEL)
    where = f"namespace {kubectl.namespace}"
    if run is None or (there.get("labels") or {}).get(manifests.RUN_LABEL) != run:
        raise ClusterError(
            f"A {ref} is in {where} already, and it belongs to another run.", reason="AlreadyExists"
        )
    if there.get("deletionTimestamp"):
        raise ClusterError(f"{ref} in {where} is being deleted.", reason="AlreadyExists")
    return True


def watch(
    kubectl: Kubectl,
    ref: JobRef,
    *,
    on_line: Sink,
    on_state: Callable[[State], None],
    stop: threading.Event | None = None,
) -> State:
    """Follow a job to its end.

    Args:
        kubectl: where it is.
        ref: the job.
        on_line: gets the name of a replica and a line that it logged; called from other threads, but never twice at
            a time. `progress.Lines` prints them.
        on_state: called at every look, about every two seconds, from this thread. `progress.Progress` says what is
            new.
        stop: when set, the job is watched no longer.

    Returns:
        The last state; it is not `over` only when `stop` was set.

    Raises:
        ClusterError: the API server refuses, or is away for too long. The job goes on.
    """
    follower = Follower(kubectl, ref.kind, on_line, console.warn)
    try:
        return follow(kubectl, ref, follower, on_state, stop or threading.Event())
    finally:
        follower.close()


def follow(
    kubectl: Kubectl,
    ref: JobRef,
    follower: Follower,
    on_state: Callable[[State], None],
    stop: threading.Event,
) -> State:
    """`watch`, with a follower of the logs that goes on afterwards."""
    changed, before = time.monotonic(), None
    deaths: list[str] = []
    while True:
        seen = states.ask(kubectl, ref)
        state = states.read(ref.kind, seen.job, seen.pods, seen.events)
        # Pods that are started again and again are gone when the job is given up, and what they died of with them.
        if state.phase == "failed" and deaths and not _deaths(state):
            state = dataclasses.replace(state, reason=f"{deaths[0]}; {state.reason}")
        deaths = _deaths(state) or deaths
        on_state(state)
        follower.update(seen.pods)
        if state.over:
            break
        if state != before:
            changed, before = time.monotonic(), state
        if stop.wait(_PAUSE if time.monotonic() - changed < 60 else _LONG_PAUSE):
            return state
    over = time.monotonic()
    while follower.owes(ended=(late := time.monotonic() - over) > _LAST_WORDS) and late < _LAST_LOGS:
        if stop.wait(0.5):
            break
        # How the job ended is known; a server that goes away now must not take that back.
        with contextlib.suppress(ClusterError):
            follower.update(_pods(kubectl, ref, retry=False))
    return state


def _deaths(state: State) -> list[str]:
    return [f"{replica.name} {replica.ended}" for replica in state.replicas if replica.ended]


def cancel(
    kubectl: Kubectl,
    ref: JobRef,
    *,
    say: Callable[[str], None] = console.status,
    on_pods: Callable[[Sequence[Object]], None] = lambda pods: None,
) -> bool:
    """Delete a job, and wait until its pods have ended or say that they have not.

    Args:
        kubectl: where it is.
        ref: the job.
        say: gets what there is to say.
        on_pods: gets the pods that are left, about every second.

    Returns:
        Whether it was there.

    Raises:
        ClusterError: the API server refuses, or is away for too long.
    """
    # A look and not the answer to the deletion: after a lost answer that would say "not found" of what it just deleted.
    there = _is_there(kubectl, ref)
    # Not in the foreground: while an owner waits for its own to end, operators make them anew (Kubeflow's trainer does).
    kubectl.run("delete", *ref.words, "--ignore-not-found", "--wait=false")
    begun, grace, said, empty = time.monotonic(), 0, False, 0
    # Looked at twice: a controller that has not heard of it yet may still make a pod.
    while empty < 2:
        pods = _pods(kubectl, ref)
        on_pods(pods)
        grace = max([grace, *(pod["spec"].get("terminationGracePeriodSeconds") or 0 for pod in pods)])
        if pods and not said:
            say(f"waiting for its pods to end; they have {grace} s")
            said = True
        empty = 0 if pods or _is_there(kubectl, ref) else empty + 1
        if not empty and time.monotonic() - begun > grace + _SPARE:
            left = ", ".join(pod["metadata"]["name"] for pod in pods) or "the job itself"
            console.warn(f"{ref} is being deleted, but this has not ended yet: {left}. Is its node well?")
            break
        if empty < 2:
            time.sleep(1)
    on_pods([])
    return there


def cancel_command(kubectl: Kubectl, ref: JobRef) -> str:
    """What a person types to cancel the job."""
    return shlex.join(kubectl.command("delete", *ref.words))


def _is_there(kubectl: Kubectl, ref: JobRef) -> bool:
    return bool(kubectl.run("get", *ref.words, "--ignore-not-found", "--output", "name").strip())


def _pods(kubectl: Kubectl, ref: JobRef, *, retry: bool = True) -> Sequence[Object]:
    selector = f"{ref.kind.pod_label}={ref.name}"
    pods: list[Any] = kubectl.json("get", "pods", "--selector", selector, retry=retry)["items"]
    return pods
