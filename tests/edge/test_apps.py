"""The route of an app: its host, its audience, its weights, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from apps_for_tests import exposed, route

from mxdev.errors import UsageProblem
from mxdev_generators.edge.apps import HOSTS, App

DEMO = App(name="demo", host="", port=80, audience="clients", timeout="3600s")
AUDIENCE = "/projects/1/global/backendServices/2"


def rules(app: App, **options: Any) -> list[dict[str, Any]]:
    [policy] = [item for item in route(app, **options) if item["kind"] == "AuthorizationPolicy"]
    assert policy["spec"]["action"] == "ALLOW"
    assert policy["spec"]["selector"] == {"matchLabels": {"istio": "ingressgateway"}}
    found: list[dict[str, Any]] = policy["spec"].get("rules", [])
    return found


def test_a_route_is_a_host_below_the_project() -> None:
    service, _ = route(DEMO)
    assert service["spec"] == {
        "hosts": ["demo.churn-model.ml.example.com"],
        "gateways": ["edge"],
        "http": [
            {
                "timeout": "3600s",
                "route": [
                    {"destination": {"host": "demo.churn-model.svc.cluster.local", "port": {"number": 80}}}
                ],
            }
        ],
    }


def test_a_host_of_its_own_is_listed_for_everybody_to_see() -> None:
    tree = exposed(App(name="cvat", host="labeling", port=80, audience="labellers"))
    [section] = tree.sections
    assert (section.path, section.address) == (HOSTS, "hosts.labeling")
    assert section.value["address"] == "labeling.churn-model.ml.example.com"


def test_only_the_members_of_the_audience_get_in() -> None:
    given = {"clients": ("ann@client.example", "@other.example"), "iap_audience": AUDIENCE}
    [rule] = rules(DEMO, **given)
    assert rule["to"] == [
        {"operation": {"hosts": ["demo.churn-model.ml.example.com", "demo.churn-model.ml.example.com:*"]}}
    ]
    assert rule["when"] == [
        {"key": "request.auth.audiences", "values": [AUDIENCE]},
        {"key": "request.auth.claims[email]", "values": ["*@other.example", "ann@client.example"]},
    ]


def test_the_projects_engineers_are_engineers() -> None:
    app = App(name="demo", host="", port=80, audience="engineers")
    [rule] = rules(app, engineer=("Ada <Ada@example.com>",), engineers=("@acme.example",))
    assert rule["when"][1]["values"] == ["*@acme.example", "ada@example.com"]


def test_an_empty_audience_is_nobody() -> None:
    assert rules(DEMO) == []


def test_without_the_number_of_the_backend_nobody_is_let_in() -> None:
    [rule] = rules(DEMO, clients=("ann@client.example",))
    assert rule["when"][0]["values"] == ["/projects/0/global/backendServices/0"]


def test_public_is_past_the_login_and_for_this_host_alone() -> None:
    app = App(name="demo", host="", port=80, audience="public")
    [rule] = rules(app)
    assert list(rule) == ["to"]
    [way] = [item for item in route(app) if item["kind"] == "HTTPRoute"]
    assert way["spec"]["hostnames"] == ["demo.churn-model.ml.example.com"]
    assert way["spec"]["rules"][0]["backendRefs"] == [{"name": "istio-ingressgateway-public", "port": 80}]


def test_a_cluster_of_ones_own_believes_a_header_only_where_it_asked_for_it() -> None:
    given = {"cloud": "existing", "clients": ("ann@client.example",)}
    asked, decided = [
        item["spec"]
        for item in route(DEMO, **given, issuer="https://login.example.com")
        if item["kind"] == "AuthorizationPolicy"
    ]
    assert (asked["action"], asked["provider"]) == ("CUSTOM", {"name": "oauth2-proxy"})
    [operation] = [to["operation"] for to in decided["rules"][0]["to"]]
    assert (decided["action"], operation["hosts"]) == (
        "ALLOW",
        asked["rules"][0]["to"][0]["operation"]["hosts"],
    )
    # The login answers these itself, to anybody, and says nothing of who it is: a header there is the client's own.
    assert set(operation["notPaths"]) == {"/ping", "/ready", "/robots.txt", "/oauth2/*"}
    assert decided["rules"][0]["when"] == [
        {"key": "request.headers[x-auth-request-email]", "values": ["ann@client.example"]}
    ]


def test_a_cluster_of_ones_own_without_a_login_lets_nobody_in() -> None:
    assert rules(DEMO, cloud="existing", clients=("ann@client.example",)) == []


@pytest.mark.parametrize(
    ("canary", "weights"),
    [
        ((("demo-next", 10),), {"demo": 90, "demo-next": 10}),
        ((("demo", 75), ("demo-next", 25)), {"demo": 75, "demo-next": 25}),
    ],
)
def test_the_rest_of_the_weights_is_the_apps_own(canary: Any, weights: dict[str, int]) -> None:
    service, _ = route(App(name="demo", host="", port=80, audience="clients", canary=canary))
    found = {
        one["destination"]["host"].partition(".")[0]: one["weight"]
        for one in service["spec"]["http"][0]["route"]
    }
    assert found == weights


def test_weights_that_are_no_shares_of_a_hundred_are_refused() -> None:
    with pytest.raises(UsageProblem, match="are to make 100"):
        route(App(name="demo", host="", port=80, audience="clients", canary=(("demo", 90), ("next", 20))))


def kinds(app: App, **options: Any) -> dict[str, dict[str, Any]]:
    """The objects of a route by kind and name."""
    return {f"{item['kind']}/{item['metadata']['name']}": item for item in route(app, **options)}


@pytest.mark.parametrize(
    ("audience", "service"),
    [("clients", "istio-ingressgateway"), ("public", "istio-ingressgateway-public")],
)
def test_a_certificate_for_one_app_is_for_its_name_and_no_other(audience: str, service: str) -> None:
    app = App(name="demo", host="", port=80, audience=audience)
    found = kinds(app, certificate="single")
    assert found["ManagedCertificate/demo"]["spec"] == {"domains": ["demo.churn-model.ml.example.com"]}
    ingress = found["Ingress/demo"]
    notes = ingress["metadata"]["annotations"]
    assert notes["networking.gke.io/managed-certificates"] == "demo"
    assert notes["kubernetes.io/ingress.global-static-ip-name"] == "churn-model-edge"
    [rule] = ingress["spec"]["rules"]
    assert rule["host"] == "demo.churn-model.ml.example.com"
    [path] = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": service, "port": {"number": 80}}
    # GKE's Gateway, to which this would lead, is not there.
    assert not [name for name in found if name.startswith("HTTPRoute/")]


def test_a_certificate_for_all_names_needs_none_of_an_app() -> None:
    assert set(kinds(DEMO)) == {"VirtualService/demo", "AuthorizationPolicy/demo-audience"}


def test_a_name_that_google_gives_no_certificate_for_is_refused() -> None:
    app = App(name="demo", host="a" * 40, port=80, audience="clients")
    assert kinds(app)
    with pytest.raises(UsageProblem, match="has 67 characters"):
        route(app, certificate="single")


def test_with_a_challenge_by_http_each_app_has_a_certificate_and_a_gateway() -> None:
    found = kinds(DEMO, cloud="existing", challenge="http", cluster_issuer="acme")
    host = "demo.churn-model.ml.example.com"
    certificate = found["Certificate/demo"]["spec"]
    assert certificate["dnsNames"] == [host]
    assert certificate["issuerRef"]["name"] == "acme"
    [server] = found["Gateway/demo-https"]["spec"]["servers"]
    assert (server["hosts"], server["tls"]["credentialName"]) == ([host], certificate["secretName"])
    assert found["VirtualService/demo"]["spec"]["gateways"] == ["demo-https"]
    refused, app = found["VirtualService/demo"]["spec"]["http"]
    assert refused["match"] == [{"uri": {"prefix": "/.well-known/acme-challenge/"}}]
    assert refused["directResponse"] == {"status": 404}
    assert "match" not in app
    # It is asked for by HTTP, so nothing may stand before it there but the way to HTTPS.
    assert found["VirtualService/demo-to-https"]["spec"]["gateways"] == ["edge"]
