"""An app behind the shared gateway: what its generator asks, and the route that it renders.

A generator whose app people open in a browser requires `DeploymentInfrastructure`, takes `APP_OPTIONS` among its options and
calls `expose`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mxdev import Tree, option
from mxdev.errors import UsageProblem
from mxdev.generator import Values
from mxdev_generators.edge import certificates, policies
from mxdev_generators.edge.names import AUDIENCE, HOST, address
from mxdev_generators.edge.text import documents

APP_OPTIONS = (
    option("--audience", type=AUDIENCE, default="engineers",
           help="Who may open it: engineers, clients, labellers, or public, which is everybody."),
    option("--host", type=HOST, default="",
           help="Its name below the project's part of the domain; empty: the app's own name."),
)  # fmt: skip
# The label with which a pod gets a sidecar. Without it a pod is outside of the mesh.
MESHED = {"sidecar.istio.io/inject": "true"}
# Of Istio's sidecar: `/stats/prometheus`, its own metrics merged with those of the pod.
SIDECAR_METRICS_PORT = 15020
# Every host and who may open it; two apps with one host cannot both stand in it.
HOSTS = "infrastructure/hosts.yaml"


@dataclass(frozen=True)
class App:
    """What stands behind a host.

    Attributes:
        name: the name of its Service in the project's namespace.
        host: one label, below the project's part of the domain; empty: `name`.
        port: the Service's port.
        audience: engineers, clients, labellers or public.
        timeout: how long one request, and so one websocket, may last.
        canary: other Services, and how many of a hundred requests each gets; `name` gets the rest, or what stands here for it.
    """

    name: str
    host: str
    port: int
    audience: str
    timeout: str = "60s"
    canary: tuple[tuple[str, int], ...] = ()


def expose(tree: Tree, app: App, of: Values, folder: str) -> None:
    """Render `<folder>/route.yaml`, and the host's line in `infrastructure/hosts.yaml`.

    The route has a VirtualService on the project's gateway and the AuthorizationPolicy of the audience; on Google Cloud a public
    app also has a way past the login. Where no certificate covers all names, it has one of its own.

    Args:
        tree: what the app's generator renders.
        app: the app.
        of: the values of the project and of DeploymentInfrastructure: `self.values.of_project`.
        folder: where the app's manifests are.

    Raises:
        UsageProblem: the project has no domain, or the weights are no shares of a hundred.
    """
    if not of["domain"]:
        raise UsageProblem(
            f"{app.name} is to be reached from outside, and the project has no domain.",
            hint="Name the one that your company has: `mx set domain=ml.example.com`.",
        )
    host = app.host or app.name
    name = address(host, of)
    items = [
        _virtual_service(app, name, of),
        *policies.of_audience(app.name, name, app.audience, of),
    ]
    if of["cloud"] == "gcp" and app.audience == "public" and of["certificate"] == "wildcard":
        items.append(policies.public_route(app.name, name, of))
    items += certificates.of_host(app.name, name, app.audience, of)
    head = f"How the world reaches {app.name}: https://{name}, for {app.audience}."
    tree.file(f"{folder}/route.yaml", documents(head, items))
    tree.section(
        HOSTS, f"hosts.{host}", {"address": name, "app": app.name, "audience": app.audience},
        if_taken="Two apps cannot have one host: give one of them another, by --host.",
    )  # fmt: skip
    if certificates.only_one(of):
        tree.section(HOSTS, "certificate", {"address": name}, if_taken=certificates.SEVERAL)


def _virtual_service(app: App, name: str, of: Values) -> dict[str, Any]:
    namespace = str(of["name"])
    shares = dict(app.canary)
    shares.setdefault(app.name, 100 - sum(shares.values()))
    if sum(shares.values()) != 100 or min(shares.values()) < 0:
        raise UsageProblem(
            f"The shares of {app.name} are {shares}, and they are to make 100.",
            hint="Each Service gets so many of a hundred requests.",
        )
    route = []
    for service in sorted(shares, key=lambda one: one != app.name):
        target = {"host": f"{service}.{namespace}.svc.cluster.local", "port": {"number": app.port}}
        route.append({"destination": target} | ({"weight": shares[service]} if len(shares) > 1 else {}))
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": policies.metadata(app.name, of),
        "spec": {
            "hosts": [name],
            "gateways": [certificates.gateway(app.name, of)],
            "http": [*certificates.challenge_is_nobodys(of), {"timeout": app.timeout, "route": route}],
        },
    }
