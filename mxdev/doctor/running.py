"""The doctor's looks at what a project runs: its certificates, addresses and routes, and GPUs that nobody uses."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mxdev.cluster.kubectl import Kubectl
from mxdev.cluster.refusals import ClusterError
from mxdev.deploy import objects
from mxdev.deploy.endpoints import endpoints
from mxdev.doctor.finding import Finding
from mxdev.system import dns

Object = Mapping[str, Any]

# After so many seconds a GPU node without work is no longer one that the autoscaler is about to take away.
IDLE = 30 * 60.0
# A certificate is renewed long before this many seconds are left of it.
LEFT = 14 * 86400.0
_GPU = re.compile(r".+/(gpu|mig-.+)$")
# What a controller says of an object when it has done its part, by kind.
_CONDITIONS = {
    "Certificate": "Ready",
    "Issuer": "Ready",
    "ClusterIssuer": "Ready",
    "Gateway": "Programmed",
    "HTTPRoute": "Accepted",
}


def gpus(root: Path, context: str, *, paid: bool) -> Iterator[Finding]:
    """The nodes with GPUs, and for how long nobody has used them; nothing if there is none.

    Args:
        root: the project.
        context: of the kubeconfig.
        paid: the cluster is the project's own, in a cloud; an idle node of somebody else's cluster is no problem of the project.

    Raises:
        ClusterError: nodes or pods cannot be listed.
    """
    try:
        yield from _gpus(root, context, paid)
    except ClusterError as error:
        if error.reason != "Forbidden":
            raise
        yield Finding("gpus", "GPUs", "unknown", "you may not list the cluster's nodes and pods")


def _gpus(root: Path, context: str, paid: bool) -> Iterator[Finding]:
    kubectl = Kubectl(context, None)
    nodes = [
        one
        for one in objects.listed(root, kubectl, "nodes")
        if _has_gpu((one.get("status") or {}).get("allocatable") or {})
    ]
    if not nodes:
        return
    pods = objects.listed(root, kubectl, "pods", "--all-namespaces")
    for node in nodes:
        yield _gpu_node(node, pods, context, paid)


def _gpu_node(node: Object, pods: Sequence[Object], context: str, paid: bool) -> Finding:
    name = node["metadata"]["name"]
    mine = [pod for pod in pods if pod["spec"].get("nodeName") == name and _asks_for_gpu(pod)]
    busy = [pod for pod in mine if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")]
    title = f"GPUs of {name}"
    if busy:
        who = ", ".join(sorted(f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" for pod in busy))
        return Finding(f"gpu-{name}", title, "ok", f"used by {who}")
    ended = [end for pod in mine if (end := _end(pod)) is not None]
    since = max(ended, default=_time(node["metadata"]["creationTimestamp"]))
    idle = max(0.0, time.time() - since)
    text = f"nobody uses them, for {_span(idle)}" + ("" if ended else " as far as is known, since the node is there")  # fmt: skip
    if idle < IDLE or not paid:
        return Finding(f"gpu-{name}", title, "ok", text)
    remedy = (
        f"kubectl --context {context} describe node {name}  # says what keeps it; a pool that shrinks to none "
        "gives it back, and a pod with safe-to-evict: false holds it"
    )
    return Finding(f"gpu-{name}", title, "problem", f"{text}: they are paid for", remedy)


def _has_gpu(resources: Mapping[str, Any]) -> bool:
    return any(_GPU.fullmatch(str(key)) and str(count) != "0" for key, count in resources.items())


def _asks_for_gpu(pod: Object) -> bool:
    containers = (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"])
    return any(_has_gpu((one.get("resources") or {}).get("limits") or {}) for one in containers)


def _end(pod: Object) -> float | None:
    states = [one.get("state") or {} for one in (pod.get("status") or {}).get("containerStatuses") or ()]
    ends = [_time(end) for state in states if (end := (state.get("terminated") or {}).get("finishedAt"))]
    return max(ends, default=None)


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _span(seconds: float) -> str:
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * 86400 else f"{seconds / 86400:.0f} days"


def reached(there: Sequence[Object], context: str) -> Iterator[Finding]:
    """What stands between the world and the pods, of the objects of one deployment: certificates, routes, addresses, names in DNS.

    Args:
        there: the objects, as they are in the cluster.
        context: of the kubeconfig, for remedies.
    """
    addresses = {one for thing in there for one in _addresses(thing)}
    for thing in there:
        kind, name = str(thing.get("kind")), thing["metadata"]["name"]
        describe = (
            f"kubectl --context {context} --namespace {thing['metadata'].get('namespace', 'default')} "
            f"describe {kind.lower()} {name}"
        )
        key, title = f"{kind.lower()}-{name}", f"{kind} {name}"
        # Istio gives its own Gateway no status.
        if kind in _CONDITIONS and not str(thing.get("apiVersion", "")).startswith("networking.istio.io/"):
            yield _condition(thing, key, title, describe)
        elif kind == "ManagedCertificate":
            yield _managed(thing, key, title, describe)
        elif kind == "Service" and (thing.get("spec") or {}).get("type") == "LoadBalancer":
            found = sorted(_addresses(thing))
            waits = "it has no address yet, so nobody reaches it from outside"
            yield Finding(key, title, "ok" if found else "problem", ", ".join(found) or waits, "" if found else describe)  # fmt: skip
        if kind != "Service":
            for host, _ in endpoints(thing):
                yield from _name(host, addresses)


def _condition(thing: Object, key: str, title: str, describe: str) -> Finding:
    wanted, status = _CONDITIONS[str(thing["kind"])], thing.get("status") or {}
    said = [*(status.get("conditions") or ()), *(c for one in status.get("parents") or () for c in one.get("conditions") or ())]  # fmt: skip
    about = [one for one in said if one.get("type") == wanted]
    wrong = next((one for one in about if one.get("status") != "True"), None)
    if wrong is not None:
        text = f"{wrong.get('reason') or wanted}: {wrong.get('message') or 'no more is said'}"
        return Finding(key, title, "problem", text, describe)
    if not about:
        text = "no controller has looked at it yet: is the one that it needs installed?"
        return Finding(key, title, "problem", text, describe)
    if (until := status.get("notAfter")) and (left := _time(until) - time.time()) < LEFT:
        text = f"it is valid for {_span(left)} more, and was not renewed" if left > 0 else f"it has expired, {_span(-left)} ago"  # fmt: skip
        return Finding(key, title, "problem", text, describe)
    return Finding(key, title, "ok", f"valid until {until[:10]}" if until else "")


def _managed(thing: Object, key: str, title: str, describe: str) -> Finding:
    """Google's certificate for single names, which says in words of its own how far it is."""
    status = thing.get("status") or {}
    if status.get("certificateStatus") == "Active":
        return Finding(key, title, "ok", f"valid until {str(status.get('expireTime', ''))[:10]}")
    names = [f"{one['domain']}: {one['status']}" for one in status.get("domainStatus") or ()]
    text = "; ".join(names) or status.get("certificateStatus") or "GKE has not looked at it yet"
    waits = "Google gives it once the name leads to the project's address, which takes up to an hour"
    return Finding(key, title, "problem", f"{text}. {waits}", describe)


def _addresses(thing: Object) -> Iterator[str]:
    status = thing.get("status") or {}
    for one in (status.get("loadBalancer") or {}).get("ingress") or ():
        yield str(one.get("ip") or one.get("hostname"))
    if thing.get("kind") == "Gateway":
        yield from (str(one.get("value")) for one in status.get("addresses") or ())


def _name(host: str, addresses: set[str]) -> Iterator[Finding]:
    """Whether a host has the address of what it leads to; of names that no DNS has to know nothing is said."""
    if "." not in host or "*" in host or host.endswith((".local", ".internal")):
        return
    key, title = f"dns-{host}", f"name {host}"
    told = (
        f"Have {host.partition('.')[2]} delegated to the zone's name servers, or add a record for {host}"
        + (f" with {', '.join(sorted(addresses))}" if addresses else "")
        + ". A new record takes as long as its TTL says."
    )
    try:
        found = dns.addresses(host)
    except dns.NoAddress as error:
        yield Finding(key, title, "problem", f"it has no address in DNS: {error.message}", told)
        return
    numbers = {one for one in addresses if re.fullmatch(r"[0-9.]+|[0-9a-f:]+", one)}
    if numbers and not numbers & found:
        text = f"it is {', '.join(sorted(found))}, and the project's address is {', '.join(sorted(numbers))}"
        yield Finding(key, title, "problem", text, told)
    else:
        yield Finding(key, title, "ok", ", ".join(sorted(found)))
