"""The environment of a container, from its manifest, for a process on this machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from control_plane.api import Object

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")
_KEYED = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")

# Where ranks meet, by name of a Service or pod; there is no cluster DNS here, and all pods share one machine's ports.
_HOSTS = ("MASTER_ADDR", "PET_MASTER_ADDR")
_PORTS = ("MASTER_PORT", "PET_MASTER_PORT")
_ENDPOINT = "PET_RDZV_ENDPOINT"

# Labels that say to which job a pod belongs.
_JOBS = (
    "training.kubeflow.org/job-name",
    "jobset.sigs.k8s.io/jobset-name",
    "batch.kubernetes.io/job-name",
)


def job_of(pod: Object) -> str:
    """The name of the job that a pod belongs to, else its own."""
    labels = pod["metadata"].get("labels", {})
    return next((labels[name] for name in _JOBS if name in labels), str(pod["metadata"]["name"]))


def environment(
    pod: Object, container: Object, port: Callable[[str], int], value: Callable[[str, str, str], str]
) -> dict[str, str]:
    """The variables that a container's manifest gives it.

    Args:
        port: A free port of this machine for a job's name, always the same.
        value: What a key of a ConfigMap or Secret (kind, name, key) holds; `KeyError`: there is none.
    """
    found: dict[str, str] = {}
    for item in container.get("env", []):
        found[item["name"]] = (
            expand(item["value"], found)
            if item.get("value") is not None
            else _from(item.get("valueFrom", {}), pod, value)
        )
    for name in _HOSTS:
        if name in found:
            found[name] = "127.0.0.1"
    for name in _PORTS:
        if name in found:
            found[name] = str(port(job_of(pod)))
    if _ENDPOINT in found:
        found[_ENDPOINT] = f"127.0.0.1:{port(job_of(pod))}"
    return found


def expand(text: str, variables: dict[str, str]) -> str:
    """`$(NAME)` replaced as Kubernetes does; unknown ones stay, and `$$` is `$`."""
    return _REFERENCE.sub(lambda found: "$" if found[0] == "$$" else variables.get(found[1], found[0]), text)


def _from(source: Any, pod: Object, value: Callable[[str, str, str], str]) -> str:
    for kind, plural in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
        if kind in source:
            return value(plural, source[kind]["name"], source[kind]["key"])
    return _field(pod, source.get("fieldRef", {}).get("fieldPath", ""))


def _field(pod: Object, path: str) -> str:
    keyed = _KEYED.fullmatch(path)
    if keyed:
        return str(pod["metadata"].get(keyed[1], {}).get(keyed[2], ""))
    known = {
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": pod["metadata"]["namespace"],
        "metadata.uid": pod["metadata"]["uid"],
        "spec.nodeName": pod["spec"]["nodeName"],
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
        "status.podIP": "127.0.0.1",
        "status.hostIP": "127.0.0.1",
    }
    return str(known[path])
