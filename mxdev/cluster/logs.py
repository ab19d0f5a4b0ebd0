"""The logs of every replica of a job, line by line, each with the replica's name in front.

A pod's log is read by `kubectl logs --follow` in a thread of its own. Such a stream ends when the container ends, but
also when the API server or the node goes away, and a container may be started again meanwhile. So each line is asked
for with its time, a broken stream is taken up where it broke, and a container's log counts as read only when it was
read to its end after the container had ended.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mxdev.cluster import log_lines
from mxdev.cluster.kubectl import Kubectl, last_line
from mxdev.cluster.log_lines import Position, Stream
from mxdev.cluster.manifest import JobKind, JobRef
from mxdev.cluster.refusals import ClusterError
from mxdev.cluster.state import named, training_container, training_status

Object = Mapping[str, Any]
Sink = Callable[[str, str], None]

# Each replica that is followed costs a kubectl of some 50 MB.
MOST = 32


@dataclass(frozen=True)
class Source:
    """The logs that a pod has now.

    Attributes:
        pod: its name.
        container: the name of the container that trains.
        current: the id of the container whose log kubectl gives; empty: none was started yet.
        previous: the one whose log it gives with `--previous`; empty: none.
        ended: whether `current` has ended, so that its log grows no more.
        final: whether no other container will follow.
    """

    pod: str
    container: str
    current: str
    previous: str
    ended: bool
    final: bool


def source(kind: JobKind, pod: Object) -> Source:
    """What can be read of a pod, as `kubectl get -o json` tells of it. Pure."""
    status = training_status(kind, pod)
    number = status.get("restartCount", 0)
    last = status.get("lastState", {}).get("terminated")
    running = "running" in status.get("state", {})
    current = previous = ""
    if running or "terminated" in status.get("state", {}):
        current = status.get("containerID") or f"number {number}"
        previous = (last.get("containerID") or f"number {number - 1}") if last else ""
    elif last:
        # Between two containers kubectl gives the log of the one that ended.
        current = last.get("containerID") or f"number {number}"
    final = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    return Source(
        pod=pod["metadata"]["name"],
        container=training_container(kind, pod),
        current=current,
        previous=previous,
        ended=final or not running,
        final=final,
    )


class _Tail(threading.Thread):
    """Reads the log of one pod until no more can come."""

    def __init__(self, follower: Follower, name: str, first: Source) -> None:
        super().__init__(daemon=True, name=f"log of {first.pod}")
        self._follower = follower
        self._name = name
        self._news = threading.Condition()
        self._latest: Source | None = first
        self._fresh = True
        self._stopped = False
        self._stream: Stream | None = None
        # One for all containers of the pod, whose times only grow: right after a restart kubectl may already give the
        # new container's lines while the pod that we know still names the old one.
        self._position = Position()
        self._said = ""

    def tell(self, latest: Source | None) -> None:
        """The pod as it is now; None: it is gone."""
        with self._news:
            self._latest = latest
            self._fresh = True
            self._news.notify()

    @property
    def runs(self) -> bool:
        """Whether its container was running when last heard of."""
        latest = self._latest
        return latest is not None and not latest.ended

    def stop(self) -> None:
        """Read no further."""
        with self._news:
            self._stopped = True
            self._news.notify()
            if self._stream is not None:
                self._stream.stop()

    def _next(self) -> Source | None:
        """Wait for news of the pod; None when there will be none."""
        with self._news:
            self._news.wait_for(lambda: self._fresh or self._stopped)
            self._fresh = False
            return None if self._stopped else self._latest

    def run(self) -> None:
        done = {""}
        while seen := self._next():
            if seen.previous not in done and self._read(seen, "--previous"):
                done.add(seen.previous)
            if seen.previous in done and seen.current not in done:
                # A stream that follows may have been cut before the container ended: it proves nothing.
                whole = self._read(seen, *(() if seen.ended else ("--follow",)))
                if whole and seen.ended:
                    done.add(seen.current)
            if seen.final and {seen.current, seen.previous} <= done:
                return

    def _read(self, seen: Source, *options: str) -> bool:
        """Read the log of one container from where reading stopped; whether there is nothing left to read."""
        arguments = ("--timestamps", *self._position.since, *options)
        stream = Stream(self._follower.kubectl, seen.pod, seen.container, *arguments)
        with self._news:
            self._stream = stream
            if self._stopped:
                stream.stop()
        try:
            for line in self._position.new(stream):
                self._follower.sink(self._name, line)
        except ClusterError as problem:
            # That the server is lost, or the pod gone, is said by whoever looks after the job.
            if self._stopped or problem.lost or problem.reason == "NotFound":
                return False
            earlier = "--previous" in options
            self._say(
                f"{'an earlier' if earlier else 'the'} log of {self._name} cannot be read: {problem.words}"
            )
            return earlier
        return not self._stopped

    def _say(self, text: str) -> None:
        """Say something once, not at every try."""
        if text != self._said:
            self._said = text
            self._follower.say(text)


class Follower:
    """Follows the logs of all pods of a job.

    Args:
        kubectl: where the pods are.
        kind: the kind of the job.
        sink: gets a replica's name and a line; called from several threads, but never twice at a time.
        say: gets a sentence when a log cannot be read.
    """

    def __init__(self, kubectl: Kubectl, kind: JobKind, sink: Sink, say: Callable[[str], None]) -> None:
        self.kubectl = kubectl
        self._kind = kind
        self._sink = sink
        self.say = say
        self._alone = threading.Lock()
        self._tails: dict[str, _Tail] = {}
        self._too_many = False

    def sink(self, name: str, line: str) -> None:
        """Pass a line on."""
        with self._alone:
            self._sink(name, line)

    def update(self, pods: Sequence[Object]) -> None:
        """Tell of the pods as they are now: new ones are followed, broken streams taken up, lost pods given up."""
        seen = {pod["metadata"]["uid"]: (name, pod) for name, pod in named(self._kind, pods)}
        for uid, (name, pod) in seen.items():
            latest = source(self._kind, pod)
            if uid in self._tails:
                self._tails[uid].tell(latest)
            elif sum(tail.is_alive() for tail in self._tails.values()) < MOST:
                self._tails[uid] = _Tail(self, name, latest)
                self._tails[uid].start()
            elif not self._too_many:
                self._too_many = True
                self.say(
                    f"the logs of {MOST} replicas are followed at a time; the others wait for their turn"
                )
        for uid in self._tails.keys() - seen.keys():
            self._tails[uid].tell(None)

    def close(self, timeout: float = 0) -> None:
        """End, after waiting up to `timeout` seconds for what is still to come."""
        deadline = time.monotonic() + timeout
        for tail in self._tails.values():
            tail.join(max(0.0, deadline - time.monotonic()))
        for tail in self._tails.values():
            tail.stop()
        for tail in self._tails.values():
            tail.join(5)

    def owes(self, *, ended: bool = False) -> bool:
        """Whether more lines may come; `ended`: whether more may come of containers that have ended."""
        return any(tail.is_alive() and not (ended and tail.runs) for tail in self._tails.values())


def show(kubectl: Kubectl, ref: JobRef, sink: Sink, say: Callable[[str], None]) -> None:
    """Print what every replica has logged so far, one after the other.

    Raises:
        ClusterError: the API server refuses, or is away for too long.
    """
    pods = kubectl.json("get", "pods", "--selector", f"{ref.kind.pod_label}={ref.name}")["items"]
    for name, pod in named(ref.kind, pods):
        seen = source(ref.kind, pod)
        for identity, options in ((seen.previous, ["--previous"]), (seen.current, [])):
            if not identity:
                continue
            try:
                for line in Stream(kubectl, seen.pod, seen.container, *options):
                    sink(name, log_lines.tidy(line))
            except ClusterError as problem:
                say(f"the log of {name} cannot be read: {last_line(problem.words)}")
