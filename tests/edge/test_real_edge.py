"""Requests through the rendered gateway, VirtualServices and policies, by a real istiod and a real Envoy, to local processes."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from apps_for_tests import route
from control_plane.control_plane import running
from cvat_form import FRONTEND, LOAD_BALANCER, DjangoForm, opens, routes, sent
from local_app import LocalApp, LoginDouble
from real_edge import Edge, WebSocket, edge, mesh_of, own_address, rendered, service
from tokens import AUDIENCE, Signer

from mxdev.testing import render, text
from mxdev_generators.edge.apps import App

pytestmark = pytest.mark.noted()

OPTIONS: dict[str, Any] = {
    "name": "churn-model",
    "domain": "ml.example.com",
    "engineer": ("ada@acme.example",),
    "clients": ("ann@client.example", "@other.example"),
    "iap_audience": AUDIENCE,
}
DEMO, LABELING, OPEN = (f"{host}.churn-model.ml.example.com" for host in ("demo", "labeling", "open"))
ANN, ADA, BOB = "ann@client.example", "ada@acme.example", "bob@other.example"
DEMO_APP = App(
    name="demo", host="", port=80, audience="clients", timeout="3600s", canary=(("demo-next", 10),)
)
APPS = (
    DEMO_APP,
    App(name="cvat", host="labeling", port=80, audience="engineers"),
    App(name="open", host="", port=80, audience="public"),
)

# On a cluster of one's own: the same gateway, and another login.
OWN = {**OPTIONS, "cloud": "existing", "issuer": "https://login.example.com"}
NOTES, NOTES_APP = (
    "notes.churn-model.ml.example.com",
    App(name="notes", host="", port=80, audience="clients"),
)
# The same, where the certificate's issuer asks each app by HTTP whose its name is, and cert-manager answers.
BY_HTTP = {**OWN, "challenge": "http"}
PLAIN, PLAIN_APP = (
    "plain.churn-model.ml.example.com",
    App(name="plain", host="", port=80, audience="clients"),
)
CHALLENGE, SOLVER = "/.well-known/acme-challenge/b2s", "cm-acme-http-solver-7xk2p"
# CVAT as it is rendered, with Django's form in the place of its server.
CVAT = {**OPTIONS, "host": "cvat", "audience": "engineers"}
FORM = "cvat.churn-model.ml.example.com"


def objects(app: App) -> dict[str, dict[str, Any]]:
    """The objects of an app's route that Istio reads, by kind."""
    return {item["kind"]: item for item in route(app, **OPTIONS) if "istio.io" in item["apiVersion"]}


def challenges() -> dict[str, Any]:
    """The policy by which whoever gives a certificate needs no login."""
    policies = rendered(render("DeploymentInfrastructure", **BY_HTTP), "policies")
    [found] = [item for item in policies if item["metadata"]["name"] == "challenges"]
    return found


def solver() -> dict[str, Any]:
    """The Ingress that cert-manager makes for a challenge, with its solver's class `istio`."""
    backend = {"service": {"name": SOLVER, "port": {"number": 80}}}
    path = {"path": CHALLENGE, "pathType": "Exact", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": SOLVER,
            "namespace": "churn-model",
            "annotations": {"kubernetes.io/ingress.class": "istio"},
        },
        "spec": {"rules": [{"host": PLAIN, "http": {"paths": [path]}}]},
    }


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """Three apps behind the gateway, one of them with a canary; on a control plane of its own, because of Istio's kinds."""
    address = own_address()
    folder = tmp_path_factory.mktemp("edge")
    tree = render("DeploymentInfrastructure", **OPTIONS)
    with contextlib.ExitStack() as stack:
        plane = stack.enter_context(running(folder / "plane", operators=()))
        providers = mesh_of(render("DeploymentInfrastructure", **OWN))["extensionProviders"]
        found = stack.enter_context(edge(plane, tree, folder, extensionProviders=providers))
        for name in ("demo", "demo-next", "cvat", "open", "notes", "plain", SOLVER, FRONTEND):
            app = LocalApp(name, address)
            stack.callback(app.stop)
            found.apply(*service(app, address))
        login = LoginDouble("oauth2-proxy", address)
        stack.callback(login.stop)
        found.apply(*service(login, address, 4180))
        cvat = render("CVATLabelingTool", **CVAT)
        form = DjangoForm(cvat, address)
        stack.callback(form.stop)
        found.apply(*service(form, address, 8080), *routes(cvat))
        found.apply(*(item for app in APPS for item in objects(app).values()), *route(NOTES_APP, **OWN))
        # What is by HTTPS has to wait for a certificate, and Envoy has none here.
        by_http = [
            item
            for item in route(PLAIN_APP, **BY_HTTP)
            if item["metadata"]["name"] not in ("plain", "plain-https")
        ]
        assert len(by_http) == 3
        found.apply(*by_http)
        found.apply(challenges(), solver())
        found.wait("the apps", lambda: found.get(DEMO, found.signer.token(ANN)).status == 200)
        found.wait("the public app", lambda: found.get(OPEN).status == 200)
        found.wait("the other app", lambda: found.get(LABELING, found.signer.token(ADA)).status == 200)
        found.wait("Django", lambda: opens(found, FORM, found.signer.token(ADA)))
        found.wait("the login", lambda: found.get(NOTES, cookie=f"session={ANN}").status == 200)
        yield found


def red(gateway: Edge, check: Callable[[Edge], None], what: str) -> None:
    """Wait until a check fails, which it is to do with something taken away."""

    def fails() -> bool:
        try:
            check(gateway)
        except AssertionError:
            return True
        return False

    gateway.wait(f"{what} to turn {check.__name__} red", fails)


def green(gateway: Edge, check: Callable[[Edge], None]) -> None:
    """Wait until a check holds again."""

    def holds() -> bool:
        with contextlib.suppress(AssertionError):
            check(gateway)
            return True
        return False

    gateway.wait(f"{check.__name__} to hold again", holds)


def only_the_audience_gets_in(gateway: Edge) -> None:
    token = gateway.signer.token
    assert gateway.get(DEMO, token(ANN)).status == 200
    assert gateway.get(DEMO, token(BOB)).status == 200
    assert gateway.get(f"{DEMO}:443", token(ANN)).status == 200
    assert gateway.get(LABELING, token(ADA)).app == "cvat"
    assert gateway.get(DEMO, token(ADA)).status == 403
    assert gateway.get(LABELING, token(ANN)).status == 403
    assert gateway.get(DEMO, token("eve@other.example.evil.example")).status == 403
    assert gateway.get(DEMO).status == 403
    assert gateway.get("nobody.churn-model.ml.example.com", token(ANN)).status == 403


def forged_and_old_tokens_are_refused(gateway: Edge) -> None:
    token = gateway.signer.token
    good = token(ANN)
    assert gateway.get(DEMO, good).status == 200
    assert gateway.get(DEMO, Signer().token(ANN)).status == 401
    assert gateway.get(DEMO, token(ANN, exp=int(time.time()) - 600)).status == 401
    assert gateway.get(DEMO, token(ANN, iss="https://evil.example")).status == 401
    assert gateway.get(DEMO, good[:-8] + "AAAAAAAA").status == 401
    # Google signs for others, too: what is meant for another backend is no way in here.
    assert gateway.get(DEMO, token(ANN, aud="/projects/1/global/backendServices/1")).status == 403


def what_the_load_balancer_says_reaches_the_app(gateway: Edge) -> None:
    """That the client came by HTTPS, and from where; Django answers 403 to a login otherwise."""
    chain = "203.0.113.9, 198.51.100.1"
    answer = gateway.get(DEMO, gateway.signer.token(ANN), forwarded_for=chain, forwarded_proto="https")
    assert answer.headers.get("x-forwarded-proto") == "https"
    assert answer.headers.get("x-envoy-external-address") == "203.0.113.9"
    assert answer.headers.get("host") == DEMO


def a_form_of_cvat_is_taken(gateway: Edge) -> None:
    """Django compares where a form comes from with the scheme and the name that it is told it was reached by."""
    assert sent(gateway, FORM, gateway.signer.token(ADA), LOAD_BALANCER) == 200


def only_the_login_says_who_somebody_is(gateway: Edge) -> None:
    assert gateway.get(NOTES, cookie=f"session={ANN}").headers.get("x-auth-request-email") == ANN
    assert gateway.get(NOTES).status == 302
    assert gateway.get(NOTES, cookie="session=eve@evil.example").status == 403
    assert gateway.get(NOTES, auth_request_email=ANN).status == 302
    assert gateway.get(NOTES, cookie="session=eve@evil.example", auth_request_email=ANN).status == 403


def an_answer_may_take_its_time(gateway: Edge) -> None:
    assert gateway.get(DEMO, gateway.signer.token(ANN), delay="2").status == 200


@pytest.fixture(scope="module")
def kinds(gateway: Edge, shared: Path) -> Edge:
    """The gateway, where the API server knows what the edge is made of beside Istio's kinds."""
    schemas = [*shared.glob("schemas/crd-gateway-api-*"), *shared.glob("schemas/crd-cert-manager-*")]
    assert schemas
    gateway.plane.kubectl("apply", "--server-side", *(f"--filename={path}" for path in schemas))
    gateway.plane.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
    return gateway


@pytest.mark.parametrize("options", [OPTIONS, OWN, BY_HTTP], ids=["gcp", "existing", "by-http"])
def test_the_api_server_takes_every_object(kinds: Edge, options: dict[str, Any]) -> None:
    """But Google's own policies, whose definitions nobody publishes: they are compared with their schemas."""
    tree = render("DeploymentInfrastructure", **options)
    names = [path for path in tree.files if "/kubernetes/" in path]
    items = [item for path in names for item in yaml.safe_load_all(text(tree, path))]
    items += [item for app in (*APPS, NOTES_APP) for item in route(app, **options)]
    taken = [item for item in items if not item["apiVersion"].startswith("networking.gke.io/")]
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": taken})
    kinds.plane.kubectl(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", input=document
    )


def test_istios_own_analysis_finds_nothing(gateway: Edge) -> None:
    """It runs what `istioctl analyze` runs: a route for a gateway that is not there is found, and then nothing is."""
    item = objects(DEMO_APP)["VirtualService"]
    with gateway.changed(item, gateways=["nowhere"]):
        gateway.wait("the analysis", lambda: any("nowhere" in one for one in gateway.findings()))
    gateway.wait("nothing to be found", lambda: not any("nowhere" in one for one in gateway.findings()))
    assert gateway.findings() == set()


def test_only_the_audience_gets_in(gateway: Edge) -> None:
    only_the_audience_gets_in(gateway)


def test_forged_and_old_tokens_are_refused(gateway: Edge) -> None:
    forged_and_old_tokens_are_refused(gateway)


def test_what_the_load_balancer_says_reaches_the_app(gateway: Edge) -> None:
    what_the_load_balancer_says_reaches_the_app(gateway)


def test_a_form_of_cvat_passes_through_two_proxies(gateway: Edge) -> None:
    a_form_of_cvat_is_taken(gateway)
    assert gateway.get(FORM, gateway.signer.token(ADA)).app == FRONTEND


def test_a_form_that_nobody_says_came_by_https_is_refused_by_django(gateway: Edge) -> None:
    silent = {name: value for name, value in LOAD_BALANCER.items() if name != "x-forwarded-proto"}
    assert sent(gateway, FORM, gateway.signer.token(ADA), silent) == 403


def test_what_is_public_needs_no_login(gateway: Edge) -> None:
    assert gateway.get(OPEN).app == "open"
    assert gateway.get(DEMO).status == 403


def test_a_tenth_of_the_requests_goes_to_the_canary(gateway: Edge) -> None:
    """400 requests at one in ten: fewer than 15 or more than 70 come less often than once in a hundred thousand runs."""
    token = gateway.signer.token(ANN)
    seen = Counter(gateway.get(DEMO, token).app for _ in range(400))
    assert set(seen) == {"demo", "demo-next"}
    assert 15 <= seen["demo-next"] <= 70


def test_a_websocket_outlives_the_load_balancers_half_minute(gateway: Edge) -> None:
    assert "403" in WebSocket(gateway, DEMO, "").answer
    open_one = WebSocket(gateway, DEMO, gateway.signer.token(ANN))
    assert "101" in open_one.answer
    assert open_one.say(b"first") == b"first"
    time.sleep(32)
    assert open_one.say(b"later") == b"later"
    open_one.close()


def test_on_a_cluster_of_ones_own_only_the_login_says_who_somebody_is(gateway: Edge) -> None:
    only_the_login_says_who_somebody_is(gateway)


def a_challenge_is_answered_without_a_login(gateway: Edge) -> None:
    assert gateway.get(PLAIN, path=CHALLENGE).app == SOLVER


def test_a_challenge_is_answered_by_http_and_all_else_is_led_to_https(gateway: Edge) -> None:
    gateway.wait("the solver", lambda: gateway.get(PLAIN, path=CHALLENGE).app == SOLVER)
    assert gateway.get(PLAIN, cookie=f"session={ANN}").status == 301
    # The login comes first.
    assert gateway.get(PLAIN).status == 302
    assert gateway.get(PLAIN, cookie="session=eve@evil.example").status == 403
    assert gateway.get(PLAIN, path=f"{CHALLENGE}/../../../admin").status == 302
    # Other apps have nothing there.
    assert gateway.get(DEMO, path=CHALLENGE, token=gateway.signer.token(BOB)).app in {"demo", "demo-next"}


def test_without_its_policy_or_with_a_redirect_of_everything_no_challenge_is_answered(gateway: Edge) -> None:
    a_challenge_is_answered_without_a_login(gateway)
    with gateway.changed(challenges(), rules=None):
        red(gateway, a_challenge_is_answered_without_a_login, "no policy for challenges")
    green(gateway, a_challenge_is_answered_without_a_login)
    [listener] = rendered(render("DeploymentInfrastructure", **OPTIONS), "gateway")
    [server] = listener["spec"]["servers"]
    with gateway.changed(listener, servers=[{**server, "tls": {"httpsRedirect": True}}]):
        red(gateway, a_challenge_is_answered_without_a_login, "a redirect of everything")
    green(gateway, a_challenge_is_answered_without_a_login)


def test_without_the_question_to_the_login_anybody_could_say_who_they_are(gateway: Edge) -> None:
    [question] = [one for one in route(NOTES_APP, **OWN) if one["spec"].get("action") == "CUSTOM"]
    with gateway.changed(question, selector={"matchLabels": {"istio": "another"}}):
        red(gateway, only_the_login_says_who_somebody_is, "no question to the login")
        assert gateway.get(NOTES, auth_request_email=ANN).status == 200
    green(gateway, only_the_login_says_who_somebody_is)


def test_without_an_apps_policy_nobody_gets_in(gateway: Edge) -> None:
    policy = objects(DEMO_APP)["AuthorizationPolicy"]
    with gateway.changed(policy, rules=None):
        red(gateway, only_the_audience_gets_in, "the app's policy, empty,")
        assert gateway.get(DEMO, gateway.signer.token(ANN)).status == 403
    green(gateway, only_the_audience_gets_in)


def test_without_the_audience_in_it_a_policy_lets_others_tokens_in(gateway: Edge) -> None:
    policy = objects(DEMO_APP)["AuthorizationPolicy"]
    [rule] = policy["spec"]["rules"]
    loose = {**rule, "when": [one for one in rule["when"] if one["key"] != "request.auth.audiences"]}
    with gateway.changed(policy, rules=[loose]):
        red(gateway, forged_and_old_tokens_are_refused, "the policy without an audience")
    green(gateway, forged_and_old_tokens_are_refused)


def test_with_another_label_the_policy_is_for_no_gateway(gateway: Edge) -> None:
    policy = objects(DEMO_APP)["AuthorizationPolicy"]
    with gateway.changed(policy, selector={"matchLabels": {"istio": "another"}}):
        red(gateway, only_the_audience_gets_in, "the policy of another gateway")
    green(gateway, only_the_audience_gets_in)


def test_a_timeout_of_a_second_ends_what_takes_longer(gateway: Edge) -> None:
    """An upload that the app takes two seconds for. Of a websocket that is open, Envoy does not count the time."""
    item = objects(DEMO_APP)["VirtualService"]
    [http] = item["spec"]["http"]
    an_answer_may_take_its_time(gateway)
    with gateway.changed(item, http=[{**http, "timeout": "1s"}]):
        red(gateway, an_answer_may_take_its_time, "a timeout of a second")
        assert gateway.get(DEMO, gateway.signer.token(ANN), delay="2").status == 504
    green(gateway, an_answer_may_take_its_time)


@contextlib.contextmanager
def trusting(gateway: Edge, proxies: int) -> Iterator[None]:
    """Another number of trusted proxies in the mesh's configuration."""
    before = gateway.mesh.read_text("utf-8")
    mesh = yaml.safe_load(before)
    mesh["defaultConfig"]["gatewayTopology"]["numTrustedProxies"] = proxies
    gateway.mesh.write_text(yaml.safe_dump(mesh))
    try:
        yield
    finally:
        gateway.mesh.write_text(before)


@pytest.mark.parametrize("proxies", [0, 1])
def test_with_another_number_of_proxies_the_client_is_somebody_else(gateway: Edge, proxies: int) -> None:
    with trusting(gateway, proxies):
        red(gateway, what_the_load_balancer_says_reaches_the_app, f"{proxies} trusted proxies")
        if not proxies:
            red(gateway, a_form_of_cvat_is_taken, "no trusted proxy")
            assert sent(gateway, FORM, gateway.signer.token(ADA), LOAD_BALANCER) == 403
    green(gateway, what_the_load_balancer_says_reaches_the_app)
    green(gateway, a_form_of_cvat_is_taken)
