"""`mx doctor` on what stands between the world and a project's pods, and on GPUs that nobody uses."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from control_plane.control_plane import ControlPlane
from control_plane.test_control_plane import apply

from mxdev.cluster.refusals import ClusterError
from mxdev.deploy import objects
from mxdev.doctor import running
from mxdev.doctor.finding import Finding


def thing(kind: str, status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    meta = {"name": "site", "namespace": "churn"}
    return {"kind": kind, "metadata": meta, "spec": spec, "status": status or {}}


def looked(*things: dict[str, Any]) -> dict[str, Finding]:
    return {one.name: one for one in running.reached(things, "mx-churn")}


def day(days: float) -> str:
    return datetime.fromtimestamp(time.time() + 86400 * days, UTC).isoformat().replace("+00:00", "Z")


def certificate(ready: str, until: str | None = None, **said: str) -> dict[str, Any]:
    conditions = [{"type": "Issuing", "status": "False"}, {"type": "Ready", "status": ready, **said}]
    return thing("Certificate", {"conditions": conditions, **({"notAfter": until} if until else {})})


def test_a_certificate_is_there_waits_was_not_renewed_or_has_expired() -> None:
    good = looked(certificate("True", day(60)))["certificate-site"]
    assert (good.state, good.text, good.remedy) == ("ok", f"valid until {day(60)[:10]}", "")
    for one, text in (
        (certificate("False", reason="DoesNotExist", message="no secret"), "DoesNotExist: no secret"),
        (certificate("True", day(3.1)), "it is valid for 3 days more, and was not renewed"),
        (certificate("True", day(-2.1)), "it has expired, 2 days ago"),
        (thing("Certificate"), "no controller has looked at it yet: is the one that it needs installed?"),
    ):
        found = looked(one)["certificate-site"]
        assert (found.state, found.text) == ("problem", text)
        assert found.remedy == "kubectl --context mx-churn --namespace churn describe certificate site"


def test_a_certificate_of_googles_waits_for_the_name_and_is_there() -> None:
    status = {
        "certificateStatus": "Provisioning",
        "domainStatus": [{"domain": "demo.ab.example.com", "status": "FailedNotVisible"}],
    }
    found = looked(thing("ManagedCertificate", status))["managedcertificate-site"]
    assert found.state == "problem"
    assert found.text.startswith("demo.ab.example.com: FailedNotVisible. Google gives it once the name leads")
    assert found.remedy == "kubectl --context mx-churn --namespace churn describe managedcertificate site"
    there = looked(
        thing("ManagedCertificate", {"certificateStatus": "Active", "expireTime": "2027-02-01T00:00:00Z"})
    )
    assert there["managedcertificate-site"] == Finding(
        "managedcertificate-site", "ManagedCertificate site", "ok", "valid until 2027-02-01", ""
    )
    assert looked(thing("ManagedCertificate"))["managedcertificate-site"].state == "problem"


def test_routes_say_what_their_gateway_thinks_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves(monkeypatch, {})
    refused = [{"conditions": [{"type": "Accepted", "status": "False", "reason": "NoMatchingParent", "message": "no gateway"}]}]  # fmt: skip
    found = looked(thing("HTTPRoute", {"parents": refused}))["httproute-site"]
    assert (found.state, found.text) == ("problem", "NoMatchingParent: no gateway")
    accepted = [{"conditions": [{"type": "Accepted", "status": "True"}]}]
    assert looked(thing("HTTPRoute", {"parents": accepted}))["httproute-site"].state == "ok"


def resolves(patch: pytest.MonkeyPatch, names: dict[str, str]) -> None:
    """A DNS that knows these names and no other: a double."""

    def answer(host: str, *_: Any, **__: Any) -> list[Any]:
        if host not in names:
            raise socket.gaierror(-2, "Name or service not known")
        return [(2, 1, 6, "", (names[host], 443))]

    patch.setattr(socket, "getaddrinfo", answer)


def test_a_host_is_in_dns_with_the_address_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    service = thing("Service", {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}, type="LoadBalancer")
    hosts = [
        "a.example.com",
        "b.example.com",
        "c.example.com",
        "*.example.com",
        "web.churn.svc.cluster.local",
    ]
    resolves(monkeypatch, {"a.example.com": "203.0.113.7", "b.example.com": "198.51.100.1"})
    found = looked(service, thing("VirtualService", hosts=hosts))
    assert {name for name in found if name.startswith("dns-")} == {f"dns-{one}.example.com" for one in "abc"}
    assert (found["service-site"].state, found["service-site"].text) == ("ok", "203.0.113.7")
    assert found["dns-a.example.com"].state == "ok"
    other, none = found["dns-b.example.com"], found["dns-c.example.com"]
    assert other.text == "it is 198.51.100.1, and the project's address is 203.0.113.7"
    assert none.text == "it has no address in DNS: Name or service not known"
    for one in (other, none):
        assert one.state == "problem"
        assert "delegated to the zone's name servers" in one.remedy
        assert "203.0.113.7" in one.remedy


def test_a_balancer_without_an_address_on_a_real_api_server(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    space = control_plane.namespace()
    made = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": "web"}}}  # fmt: skip
    apply(control_plane, space, made)
    found = looked(control_plane.get("-n", space, "service/web"))["service-web"]
    assert (found.state, found.text) == (
        "problem",
        "it has no address yet, so nobody reaches it from outside",
    )
    assert found.remedy.endswith(f"--namespace {space} describe service web")


def test_gpu_nodes_that_nobody_uses(
    control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    space = control_plane.namespace()
    container = {"name": "main", "image": "i", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "notebook"},
           "spec": {"containers": [container], "tolerations": [toleration]}}  # fmt: skip
    apply(control_plane, space, pod)
    control_plane.kubectl("wait", "-n", space, "pod/notebook", "--for=condition=ready", "--timeout=60s")
    node = control_plane.get("-n", space, "pod/notebook")["spec"]["nodeName"]

    def found() -> dict[str, Finding]:
        return {one.name: one for one in running.gpus(tmp_path, "mx-tests", paid=True)}

    used = found()[f"gpu-{node}"]
    assert (used.state, f"{space}/notebook" in used.text) == ("ok", True), used
    control_plane.kubectl("delete", "-n", space, "pod/notebook", "--force", "--grace-period=0")
    monkeypatch.setattr(running, "IDLE", 0.0)
    idle = found()[f"gpu-{node}"]
    # Another test may use the rest of the node by now.
    if "used by" not in idle.text:
        assert (idle.state, "since the node is there: they are paid for" in idle.text) == ("problem", True)
        assert f"kubectl --context mx-tests describe node {node}" in idle.remedy


def pod_of(phase: str, ended: float | None = None) -> dict[str, Any]:
    state = {"terminated": {"finishedAt": day(-ended / 24)}} if ended is not None else {"running": {}}
    limits = {"resources": {"limits": {"nvidia.com/mig-1g.5gb": "1"}}}
    return {"metadata": {"name": "p", "namespace": "n"}, "spec": {"nodeName": "g", "containers": [limits]},
            "status": {"phase": phase, "containerStatuses": [{"state": state}]}}  # fmt: skip


def test_for_how_long_is_since_the_last_work_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    node = {"metadata": {"name": "g", "creationTimestamp": day(-9)}, "status": {"allocatable": {"nvidia.com/gpu": "1"}}}  # fmt: skip
    plain = {"metadata": {"name": "c"}, "status": {"allocatable": {"cpu": "1", "nvidia.com/gpu": "0"}}}

    def gpus(*pods: dict[str, Any], paid: bool = True) -> Finding:
        said = {"nodes": [node, plain], "pods": list(pods)}

        def answer(_root: Path, _kubectl: object, _get: str, kind: str, *_: str) -> Any:
            import json

            return type("Done", (), {"stdout": json.dumps({"items": said[kind]}).encode()})

        monkeypatch.setattr(objects, "call", answer)
        (found,) = running.gpus(Path(), "mx-churn", paid=paid)
        return found

    last = gpus(pod_of("Succeeded", 50), pod_of("Failed", 5))
    assert (last.state, last.text) == ("problem", "nobody uses them, for 5 h: they are paid for")
    assert gpus(pod_of("Succeeded", 0.25)).text == "nobody uses them, for 15 min"
    assert gpus(pod_of("Succeeded", 0.25)).state == "ok"
    # In a cluster of somebody else's.
    assert gpus(pod_of("Failed", 5), paid=False).state == "ok"
    assert gpus(pod_of("Running")).text == "used by n/p"
    assert "for 9 days as far as is known" in gpus().text


def test_who_may_not_list_nodes_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise ClusterError("nodes is forbidden", reason="Forbidden")

    monkeypatch.setattr(objects, "call", refuse)
    (found,) = running.gpus(Path(), "mx-churn", paid=True)
    assert found.state == "unknown"
