"""A node of the control plane that really runs its pods: each container's command is a local process.

It works in one namespace, whose pods go to it and to no other node (annotations of the namespace say so). What a
container runs is found by its image: a folder, and the variables that the image would set. Init containers are taken as
done, volumes and working directories are not made, probes are not asked, and resources are counted but not enforced.
"""

from __future__ import annotations

import json
import secrets
import signal
import threading
from collections.abc import Callable, Mapping
from typing import Any

from control_plane.api import ApiError, Object
from control_plane.control_plane import ControlPlane
from control_plane.kubelet import Kubelet
from control_plane.nodes import node
from control_plane.pod import Place, Pod
from control_plane.programs import free_port

__all__ = ["Node", "Place", "Pod"]

LABEL = "mx-test-node"


class Node:
    """A running node; a context manager that takes it away again.

    Args:
        plane: The control plane that it joins.
        images: What stands for each image, by its full name; it may be changed while the node runs.
        gpus: How many GPUs it says it has.
        labels: More labels, for pods with a node selector.
        namespace: Name of its namespace; by default a new one. It is removed at the end of the test.
    """

    def __init__(
        self,
        plane: ControlPlane,
        images: Mapping[str, Place],
        gpus: int = 0,
        labels: Mapping[str, str] | None = None,
        namespace: str | None = None,
    ) -> None:
        self.plane, self.images = plane, dict(images)
        self.name = f"node-{secrets.token_hex(4)}"
        self.pods: dict[str, Pod] = {}
        self._ports: dict[str, int] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._kubelet = Kubelet(plane.certificate, self._pod)
        plane.api.create("/api/v1/nodes", self._node(gpus, labels or {}))
        self.namespace = plane.namespace(
            name=namespace,
            annotations={
                "scheduler.alpha.kubernetes.io/node-selector": f"{LABEL}={self.name}",
                "scheduler.alpha.kubernetes.io/defaultTolerations": json.dumps([{"operator": "Exists"}]),
            },
        )
        threading.Thread(target=self._watch, daemon=True).start()

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def kill(self, pod: str, container: str | None = None, number: int = signal.SIGKILL) -> None:
        """Kill what a pod runs, by default in its first container; raises `LookupError` if nothing runs."""
        self._pod(pod).kill(container, number)

    def stop(self) -> None:
        """Kill all pods and take the node away; done twice it does nothing."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        with self._lock:
            pods = list(self.pods.values())
        removing = [threading.Thread(target=pod.remove, args=(0,)) for pod in pods]
        for thread in removing:
            thread.start()
        for thread in removing:
            thread.join()
        self._kubelet.stop()
        try:
            self.plane.api.delete(f"/api/v1/nodes/{self.name}")
        except ApiError as error:
            if error.code != 404:
                raise

    def _node(self, gpus: int, labels: Mapping[str, str]) -> Object:
        made = node(self.name, gpus=gpus)
        metadata, status = made["metadata"], made["status"]
        metadata["annotations"] = {}
        metadata["labels"] |= {LABEL: self.name, **labels}
        made["spec"]["taints"] = [{"key": LABEL, "value": self.name, "effect": "NoSchedule"}]
        status["conditions"] = [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]
        status["addresses"] = [{"type": "InternalIP", "address": "127.0.0.1"}]
        status["daemonEndpoints"] = {"kubeletEndpoint": {"Port": self._kubelet.port}}
        return made

    def _pod(self, name: str) -> Pod:
        """The newest pod of a name; raises `LookupError`."""
        with self._lock:
            found = [pod for pod in self.pods.values() if pod.name == name]
        if not found:
            raise LookupError(f"the node {self.name} has no pod {name}")
        return found[-1]

    def _port(self, job: str) -> int:
        with self._lock:
            return self._ports.setdefault(job, free_port())

    def _watch(self) -> None:
        """See what happens to the node's pods, again and again, also when the API server was away."""
        path = f"/api/v1/namespaces/{self.namespace}/pods?fieldSelector=spec.nodeName={self.name}"
        while not self._stopped.is_set():
            try:
                found = self.plane.api.get(path)
                for pod in found["items"]:
                    self._see(pod)
                since = found["metadata"]["resourceVersion"]
                for event in self.plane.api.watch(f"{path}&resourceVersion={since}", seconds=60):
                    if self._stopped.is_set():
                        return
                    if event["type"] == "ERROR":
                        break
                    if event["type"] != "DELETED":
                        self._see(event["object"])
            except (ApiError, OSError, ValueError):
                self._stopped.wait(0.5)

    def _see(self, manifest: dict[str, Any]) -> None:
        metadata = manifest["metadata"]
        uid = metadata["uid"]
        with self._lock:
            pod = self.pods.get(uid)
            new = pod is None and "deletionTimestamp" not in metadata
            if pod is None:
                pod = self.pods[uid] = Pod(self.plane.api, manifest, self.images, self._port)
        if new:
            pod.start()
        elif "deletionTimestamp" in metadata and not pod.going:
            pod.going = True
            _in_thread(lambda: pod.remove(float(metadata.get("deletionGracePeriodSeconds") or 0)))


def _in_thread(action: Callable[[], None]) -> None:
    threading.Thread(target=action, daemon=True).start()
