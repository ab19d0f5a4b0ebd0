"""The certificate of one host, where none covers all names.

On Google Cloud an Ingress with a ManagedCertificate is for one name; on another cluster cert-manager proves a name by HTTP, which
it cannot for all names at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev.errors import UsageProblem
from mxdev_generators.edge.names import GATEWAY
from mxdev_generators.edge.policies import CHALLENGES, PUBLIC_SERVICE, SELECTOR, metadata

# What is said to whoever adds a second app to a certificate for one.
SEVERAL = (
    "The project has a certificate for one app. Several need one for all names: "
    "`mx set DeploymentInfrastructure.certificate=wildcard`, then generate this one again."
)
# Characters of a name that ManagedCertificate takes.
_LONGEST = 63


def only_one(of: Mapping[str, Any]) -> bool:
    """Whether the project has a certificate for one name alone, and so one app."""
    return bool(of["cloud"] == "gcp" and of["certificate"] == "single")


def _each(of: Mapping[str, Any]) -> bool:
    """Whether each name is proved by itself."""
    return bool(of["cloud"] != "gcp" and of["challenge"] == "http")


def gateway(name: str, of: Mapping[str, Any]) -> str:
    """The Istio gateway that an app's routes are for: the project's, or the app's own with its certificate.

    Args:
        name: the app's, as `expose` was told.
        of: the options of the project and of DeploymentInfrastructure.
    """
    return f"{name}-https" if _each(of) else GATEWAY


def challenge_is_nobodys(of: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The first route of an app that has no login before challenges: by HTTPS nothing is behind their path."""
    match = [{"uri": {"prefix": CHALLENGES}}]
    return [{"match": match, "directResponse": {"status": 404}}] if _each(of) else []


def of_host(name: str, host: str, audience: str, of: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What gives a host a certificate of its own; nothing where one covers all names.

    Args:
        name: the app's.
        host: the whole name.
        audience: who may open it; on Google Cloud everybody else is sent to the login.
        of: the options of the project and of DeploymentInfrastructure.

    Raises:
        UsageProblem: Google gives no ManagedCertificate for a name as long as this one.
    """
    if only_one(of):
        if len(host) > _LONGEST:
            raise UsageProblem(
                f"{host} has {len(host)} characters, and a ManagedCertificate is for a name of {_LONGEST} at most.",
                hint="Give the app a shorter --host, or `mx set DeploymentInfrastructure.certificate=wildcard`.",
            )
        return _on_google(name, host, audience, of)
    return _by_http(name, host, of) if _each(of) else []


def _on_google(name: str, host: str, audience: str, of: Mapping[str, Any]) -> list[dict[str, Any]]:
    service = PUBLIC_SERVICE if audience == "public" else "istio-ingressgateway"
    backend = {"service": {"name": service, "port": {"number": 80}}}
    annotations = {
        # GKE wants the annotation: its own controller does not look at ingressClassName.
        "kubernetes.io/ingress.class": "gce",
        "kubernetes.io/ingress.global-static-ip-name": f"{of['name']}-edge",
        "networking.gke.io/managed-certificates": name,
        "networking.gke.io/v1beta1.FrontendConfig": GATEWAY,
    }
    return [
        {
            "apiVersion": "networking.gke.io/v1",
            "kind": "ManagedCertificate",
            "metadata": metadata(name, of),
            "spec": {"domains": [host]},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {**metadata(name, of), "annotations": annotations},
            "spec": {
                "rules": [
                    {
                        "host": host,
                        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
                    }
                ]
            },
        },
    ]


def _by_http(name: str, host: str, of: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A certificate, the gateway that has it, and the way from HTTP to it, which cert-manager's own route for a challenge precedes."""
    secret = f"{name}-tls"
    server = {
        "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
        "hosts": [host],
        "tls": {"mode": "SIMPLE", "credentialName": secret, "minProtocolVersion": "TLSV1_2"},
    }
    issuer = {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": of["cluster_issuer"]}
    return [
        {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Certificate",
            "metadata": metadata(name, of),
            "spec": {"secretName": secret, "dnsNames": [host], "issuerRef": issuer},
        },
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": metadata(gateway(name, of), of),
            "spec": {"selector": SELECTOR["matchLabels"], "servers": [server]},
        },
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": metadata(f"{name}-to-https", of),
            "spec": {
                "hosts": [host],
                "gateways": [GATEWAY],
                "http": [{"redirect": {"scheme": "https", "redirectCode": 301}}],
            },
        },
    ]
