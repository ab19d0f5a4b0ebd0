"""Who may open a host: the gateway lets nobody through that no policy names.

On Google Cloud the load balancer's Identity-Aware Proxy logs people in and signs who they are; on another cluster oauth2-proxy does,
which the gateway asks about each request. Either way it is the gateway that decides, host by host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev_generators.edge.names import NO_AUDIENCE, patterns

SELECTOR = {"matchLabels": {"istio": "ingressgateway"}}
ISSUER = "https://cloud.google.com/iap"
# Set by oauth2-proxy's answer, whatever a client sends.
EMAIL_HEADER = "x-auth-request-email"
# oauth2-proxy answers these itself, also to whoever is not logged in, and then says nothing of who it is.
OWN_PATHS = ["/ping", "/ready", "/robots.txt", "/oauth2/*"]
PROVIDER = "oauth2-proxy"
# The gateway's second Service: the same pods, without a login before them.
PUBLIC_SERVICE = "istio-ingressgateway-public"
# What a certificate's issuer asks for, to see whose a name is; it has no login.
CHALLENGES = "/.well-known/acme-challenge/"


def metadata(name: str, of: Mapping[str, Any]) -> dict[str, Any]:
    """Name, namespace and labels of an object of the edge."""
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": str(of["name"])}
    return {"name": name, "namespace": str(of["name"]), "labels": labels}


def of_audience(name: str, host: str, audience: str, of: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The policies that open `host` to an audience, and to nobody else.

    An audience without members, or a project without a login, gets a policy that nothing fits. Where oauth2-proxy logs people in,
    there are two: the gateway believes its header only where it asked for it, so neither goes without the other.
    """
    operation = {"to": [{"operation": {"hosts": [host, f"{host}:*"]}}]}
    if audience == "public":
        return [_policy(name, of, [operation])]
    who = patterns(audience, of)
    if not who or (of["cloud"] != "gcp" and not of["issuer"]):
        return [_policy(name, of, [])]
    if of["cloud"] == "gcp":
        rule = {
            "from": [{"source": {"requestPrincipals": [f"{ISSUER}/*"]}}],
            **operation,
            "when": [
                {"key": "request.auth.audiences", "values": [of["iap_audience"] or NO_AUDIENCE]},
                {"key": "request.auth.claims[email]", "values": who},
            ],
        }
        return [_policy(name, of, [rule])]
    decided = {"to": [{"operation": {**operation["to"][0]["operation"], "notPaths": OWN_PATHS}}]}
    rule = {**decided, "when": [{"key": f"request.headers[{EMAIL_HEADER}]", "values": who}]}
    asked = operation
    if of["challenge"] == "http":
        asked = {"to": [{"operation": {**operation["to"][0]["operation"], "notPaths": [f"{CHALLENGES}*"]}}]}
    return [_asking(name, of, asked), _policy(name, of, [rule])]


def _asking(name: str, of: Mapping[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    """The AuthorizationPolicy by which the gateway asks oauth2-proxy about each request to a host."""
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": metadata(f"{name}-login", of),
        "spec": {
            "selector": SELECTOR,
            "action": "CUSTOM",
            "provider": {"name": PROVIDER},
            "rules": [operation],
        },
    }


def _policy(name: str, of: Mapping[str, Any], rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": metadata(f"{name}-audience", of),
        "spec": {"selector": SELECTOR, "action": "ALLOW", **({"rules": rules} if rules else {})},
    }


def public_route(name: str, host: str, of: Mapping[str, Any]) -> dict[str, Any]:
    """The HTTPRoute that leads a public host to the gateway's second Service, which has no login before it."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata(f"{name}-public", of),
        "spec": {
            "parentRefs": [{"name": "edge", "sectionName": "https"}],
            "hostnames": [host],
            "rules": [{"backendRefs": [{"name": PUBLIC_SERVICE, "port": 80}]}],
        },
    }
