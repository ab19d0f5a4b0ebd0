"""The life of one pod on a test node: its containers' processes, and the status that a kubelet would report."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control_plane.api import Api, ApiError, Object
from control_plane.environment import environment, expand
from control_plane.process import Process, now

# Seconds before a container is started again; a kubelet waits ten times as long.
BACK_OFF = (0.2, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True)
class Place:
    """What stands for an image: a folder of this machine, the variables that the image would set, and what it starts by itself."""

    cwd: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()


@dataclass
class Container:
    """One container of a pod: its runs, and its state as Kubernetes writes it."""

    manifest: Object
    runs: list[Process] = field(default_factory=list)
    state: Object = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last: Object = field(default_factory=dict)
    code: int | None = None


class Pod:
    """A pod that was bound to the node. It runs in threads of its own from `start` to its end.

    Args:
        api: Where its status is reported.
        pod: The object, as it was bound.
        images: What stands for each image; the pull of any other fails.
        port: A free port of this machine for a job's name, always the same.
    """

    def __init__(
        self, api: Api, pod: Object, images: Mapping[str, Place], port: Callable[[str], int]
    ) -> None:
        self._api, self._object, self._images, self._port = api, pod, images, port
        metadata = pod["metadata"]
        self.name, self.uid = str(metadata["name"]), str(metadata["uid"])
        self._path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{self.name}"
        self._namespace = str(metadata["namespace"])
        self.containers = {item["name"]: Container(item) for item in pod["spec"]["containers"]}
        self._policy = str(pod["spec"].get("restartPolicy", "Always"))
        self.going = False
        self._going = threading.Event()
        self._lock = threading.Lock()
        self._started = now()
        self._threads: list[threading.Thread] = []
        self._deadline = threading.Timer(pod["spec"].get("activeDeadlineSeconds") or 0, self._expire)
        self._expired = False

    def start(self) -> None:
        """Run its containers."""
        for container in self.containers.values():
            thread = threading.Thread(target=self._live, args=(container,), daemon=True)
            self._threads.append(thread)
            thread.start()
        if "activeDeadlineSeconds" in self._object["spec"]:
            self._deadline.daemon = True
            self._deadline.start()

    def kill(self, container: str | None = None, number: int = signal.SIGKILL) -> None:
        """Send a signal to a container, by default the first. Raises `LookupError` if it does not run."""
        found = self.containers[container or next(iter(self.containers))]
        if not found.runs or not found.runs[-1].running():
            raise LookupError(f"no process of the pod {self.name} runs")
        found.runs[-1].kill(number)

    def remove(self, grace: float) -> None:
        """End it as a kubelet does when its pod is deleted: SIGTERM, SIGKILL after `grace` seconds, and it is gone."""
        self._deadline.cancel()
        self._end(grace)
        with contextlib.suppress(ApiError, OSError):
            self._api.delete(self._path, gracePeriodSeconds=0, preconditions={"uid": self.uid})

    def _expire(self) -> None:
        """End it because it ran too long: it has failed then, whatever its containers say."""
        self._expired = True
        self._end(float(self._object["spec"].get("terminationGracePeriodSeconds", 30)))
        self._report()

    def _end(self, grace: float) -> None:
        self._going.set()
        for number in (signal.SIGTERM, signal.SIGKILL) if grace else (signal.SIGKILL,):
            for container in self.containers.values():
                for process in container.runs[-1:]:
                    process.kill(number)
            deadline = time.monotonic() + grace
            for thread in self._threads:
                thread.join(max(0.0, deadline - time.monotonic()))
        for thread in self._threads:
            thread.join(10)

    def _live(self, container: Container) -> None:
        """One container, from its first run to its last."""
        place = self._pull(container)
        while place and not self._going.is_set():
            process = self._run(container, place)
            if process is None:
                return
            code = process.wait()
            ended = {
                "exitCode": code, "reason": "Error" if code else "Completed",
                "startedAt": _seconds(process.started), "finishedAt": _seconds(now()),
            }  # fmt: skip
            again = self._policy == "Always" or (self._policy == "OnFailure" and code != 0)
            if not again or self._going.is_set():
                container.state, container.code = {"terminated": ended}, code
                self._report()
                return
            container.last = {"terminated": ended}
            wait = BACK_OFF[min(len(container.runs), len(BACK_OFF)) - 1]
            message = f"back-off {wait:.0f}s restarting failed container={container.manifest['name']}"
            container.state = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
            self._report()
            self._going.wait(wait)

    def _pull(self, container: Container) -> Place | None:
        image = container.manifest["image"]
        if image in self._images:
            return self._images[image]
        said = f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": not found'
        for reason, message in (
            ("ErrImagePull", said),
            ("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {said}'),
        ):
            container.state = {"waiting": {"reason": reason, "message": message}}
            self._report()
            self._going.wait(1)
        return None

    def _run(self, container: Container, place: Place) -> Process | None:
        manifest = container.manifest
        try:
            variables = environment(self._object, manifest, self._port, self._value)
            command = [
                expand(part, variables)
                for part in [*manifest.get("command", place.command), *manifest.get("args", [])]
            ]
            environ = {"PATH": os.environ["PATH"], "HOSTNAME": self.name, **place.environ, **variables}
            mark = f"{self.uid}/{manifest['name']}/{len(container.runs)}"
            process = Process(mark, command, place.cwd, environ)
        except (KeyError, IndexError, OSError) as error:
            reason = "CreateContainerConfigError" if isinstance(error, KeyError) else "RunContainerError"
            container.state = {"waiting": {"reason": reason, "message": f"{type(error).__name__}: {error}"}}
            self._report()
            return None
        container.runs.append(process)
        container.state = {"running": {"startedAt": _seconds(process.started)}}
        self._report()
        return process

    def _value(self, kind: str, name: str, key: str) -> str:
        try:
            data = self._api.get(f"/api/v1/namespaces/{self._namespace}/{kind}/{name}").get("data", {})
        except ApiError as error:
            raise KeyError(f"{kind} {name}: {error}") from None
        return base64.b64decode(data[key]).decode() if kind == "secrets" else str(data[key])

    def _report(self) -> None:
        """Send the status as it is now. A pod that is gone needs none; a lost API server hears it a little later."""
        with self._lock:
            for wait in (0.2, 0.5, 1, 2, 4, 8, 0):
                try:
                    there = self._api.get(self._path)["status"].get("conditions", [])
                    self._api.patch(f"{self._path}/status", {"status": self._status(there)})
                    return
                except ApiError as error:
                    if error.code in (404, 409):
                        return
                except OSError:
                    pass
                time.sleep(wait)

    def _status(self, there: list[Object]) -> Object:
        """The status, with the conditions of `there` that a kubelet leaves to others, such as who evicted it."""
        containers = list(self.containers.values())
        states = [container.state for container in containers]
        ready = all("running" in state for state in states)
        if all("terminated" in state for state in states):
            phase = "Failed" if any(container.code for container in containers) else "Succeeded"
        else:
            phase = "Running" if any(container.runs for container in containers) else "Pending"
        said = {}
        if self._expired:
            phase = "Failed"
            said = {
                "reason": "DeadlineExceeded",
                "message": "Pod was active on the node longer than the specified deadline",
            }
        conditions = [("Initialized", True), ("ContainersReady", ready), ("Ready", ready)]
        own = {name for name, _ in conditions}
        kept = [item for item in there if item["type"] not in own]
        return {
            **said, "phase": phase, "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}], "hostIP": "127.0.0.1",
            "hostIPs": [{"ip": "127.0.0.1"}], "startTime": _seconds(self._started),
            "conditions": kept + [{"type": name, "status": str(value)} for name, value in conditions],
            "containerStatuses": [_container_status(container) for container in containers],
            "initContainerStatuses": [
                _init_status(item, _seconds(self._started)) for item in self._object["spec"].get("initContainers", [])
            ],
        }  # fmt: skip


def _container_status(container: Container) -> Object:
    running = "running" in container.state
    return {
        "name": container.manifest["name"], "image": container.manifest["image"], "imageID": "",
        "state": container.state, "lastState": container.last, "ready": running, "started": running,
        "restartCount": max(0, len(container.runs) - 1),
    }  # fmt: skip


def _init_status(manifest: Object, at: str) -> Any:
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": at, "finishedAt": at}
    return {
        "name": manifest["name"], "image": manifest["image"], "imageID": "", "ready": True, "restartCount": 0,
        "state": {"terminated": ended},
    }  # fmt: skip


def _seconds(time_with_fraction: str) -> str:
    return f"{time_with_fraction.partition('.')[0]}Z"
