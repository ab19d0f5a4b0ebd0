"""The sections of `devspace.yaml` that install Istio and the gateway, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ISTIO = "1.30.5"
CHARTS = "https://istio-release.storage.googleapis.com/charts"
FOLDER = "infrastructure/kubernetes/edge"
_SERVER_SIDE = ["--server-side", "--force=false", "--force-conflicts"]

# POSIX shell, run by DevSpace itself; `$` without braces, which DevSpace would take for a variable of its own.
_KUBE = 'kube() { kubectl --context "$DEVSPACE_HOOK_KUBE_CONTEXT" "$@"; }\n'
_AFTER_BASE = f"""\
# Istio's own kinds come with istio-base.
{_KUBE}\
kube wait --for=create --timeout=10m crd/virtualservices.networking.istio.io crd/authorizationpolicies.security.istio.io
kube wait --for=condition=established --timeout=1m crd/virtualservices.networking.istio.io crd/authorizationpolicies.security.istio.io"""
_AFTER_ISTIOD = f"""\
# The gateway's pods get their image from istiod.
{_KUBE}\
kube --namespace istio-system wait --for=create --timeout=10m deployment/istiod
kube --namespace istio-system rollout status --timeout=10m deployment/istiod"""


def sections(options: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Addresses and values of the sections.

    Args:
        options: the template variables of `DeploymentInfrastructure`.
    """
    name = str(options["name"])
    manifests = {
        "namespace": name,
        "updateImageTags": False,
        "kubectl": {"manifests": [f"{FOLDER}/"], "applyArgs": _SERVER_SIDE},
    }
    return [
        ("deployments.istio-base", _chart("istio-system", "istio-base", "base", {"defaultRevision": "default"})),
        ("deployments.istiod", _chart("istio-system", "istiod", "istiod", mesh(options))),
        (
            "deployments.istio-ingressgateway",
            _chart(name, "istio-ingressgateway", "gateway", gateway(options)),
        ),
        ("deployments.edge", manifests),
        *(
            (f"hooks[name={one}-waits]", {"name": f"{one}-waits", "events": [f"before:deploy:{one}"], "command": text})
            for one, text in (
                ("istiod", _AFTER_BASE),
                ("istio-ingressgateway", _AFTER_ISTIOD),
                ("edge", _AFTER_BASE),
            )
        ),
    ]  # fmt: skip


def mesh(options: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the chart `istiod`.

    On Google Cloud the client's address is two before the gateway: the load balancer adds its own. With one too few, what it says of
    the client (`X-Forwarded-Proto: https`) counts for nothing, and with one too many a client could say it.
    """
    config: dict[str, Any] = {
        "defaultConfig": {"gatewayTopology": {"numTrustedProxies": 2 if options["cloud"] == "gcp" else 0}},
    }
    if options["issuer"]:
        config["extensionProviders"] = [
            {
                "name": "oauth2-proxy",
                "envoyExtAuthzHttp": {
                    "service": f"oauth2-proxy.{options['name']}.svc.cluster.local",
                    "port": 4180,
                    "timeout": "5s",
                    "includeRequestHeadersInCheck": ["cookie", "authorization"],
                    "headersToUpstreamOnAllow": ["x-auth-request-email"],
                    "headersToDownstreamOnAllow": ["set-cookie"],
                    "headersToDownstreamOnDeny": ["content-type", "location", "set-cookie"],
                },
            }
        ]
    return {"meshConfig": config}


def gateway(options: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the chart `gateway`: on Google Cloud only the load balancer reaches it, and knows its pods."""
    ports = [
        {"name": "status-port", "port": 15021, "targetPort": 15021, "protocol": "TCP"},
        {"name": "http", "port": 80, "targetPort": 80, "protocol": "TCP"},
    ]
    if options["cloud"] == "gcp":
        # It reads Secrets for certificates, and here the load balancer has those.
        service: dict[str, Any] = {"type": "ClusterIP", "ports": ports}
        if options["certificate"] == "single":
            service["annotations"] = {
                "cloud.google.com/neg": '{"ingress": true}',
                "cloud.google.com/backend-config": '{"default": "istio-ingressgateway"}',
            }
        return {"rbac": {"enabled": False}, "service": service}
    ports.append({"name": "https", "port": 443, "targetPort": 443, "protocol": "TCP"})
    # The client's own address, and not that of the node that it came through.
    return {"service": {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": ports}}


def _chart(namespace: str, release: str, chart: str, values: Mapping[str, Any]) -> dict[str, object]:
    return {
        "namespace": namespace,
        "helm": {
            "releaseName": release,
            "chart": {"name": chart, "repo": CHARTS, "version": ISTIO},
            "values": dict(values),
            "upgradeArgs": ["--wait", "--timeout", "10m"],
        },
    }
