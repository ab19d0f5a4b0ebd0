"""The DeploymentInfrastructure generator: what it asks and what it renders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from mxdev import Generator, Tree, option
from mxdev.generator import Pattern, Values
from mxdev_generators.deployment_infrastructure import devspace
from mxdev_generators.edge.apps import HOSTS
from mxdev_generators.edge.names import GATEWAY, MEMBER, NO_AUDIENCE, patterns, project_domain
from mxdev_generators.images.table import image, pinned
from mxdev_generators.project.platform import refusal
from mxdev_generators.project.terraform_tests import head

_ID = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
MANAGED_ZONE = Pattern(
    rf"(?:{_ID})?", "the name of a zone of Cloud DNS, such as example-com, or empty", metavar="NAME"
)
CLIENT_ID = Pattern(
    r"(?:[0-9]+-[a-z0-9]+\.apps\.googleusercontent\.com)?",
    "an OAuth client's id, such as 123-abc.apps.googleusercontent.com, or empty",
    metavar="ID",
)
IAP_AUDIENCE = Pattern(
    r"(?:/projects/[0-9]+/global/backendServices/[0-9]+)?",
    "/projects/NUMBER/global/backendServices/NUMBER, or empty",
    metavar="AUDIENCE",
)
ISSUER = Pattern(
    r"(?:https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*/?)?",
    "the address of an OpenID Connect issuer, such as https://login.example.com/realms/ml, or empty",
    metavar="URL",
)
OBJECT_NAME = Pattern(
    r"(?:[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?)?", "the name of a Kubernetes object, or empty", metavar="NAME"
)
# What `mx up` and `mx doctor` show as owed.
BY_HAND = "infrastructure/by_hand.yaml"


class DeploymentInfrastructure(Generator):
    """Names, certificate, login and one gateway, through which people reach what the project runs."""

    requires = ("MLProjectSkeleton",)
    options = (
        option("--dns-zone", type=click.Choice(["owned", "delegated", "elsewhere"]), default="delegated",
               help="owned: the domain's zone is in this Google Cloud project; delegated: a new zone for the project's part of it; "
               "elsewhere: somebody enters the records."),
        option("--certificate", type=click.Choice(["wildcard", "single"]), default="wildcard",
               help="On Google Cloud. wildcard: one certificate for all names, of as many apps as you like; single: Ingress and "
               "ManagedCertificate, for one app."),
        option("--managed-zone", type=MANAGED_ZONE, default="", help="With --dns-zone owned: what Cloud DNS calls the domain's zone."),
        option("--engineers", type=MEMBER, multiple=True, shared=True,
               help="Who opens what is for engineers, beside the project's own: addresses, or @example.com for all of a domain."),
        option("--clients", type=MEMBER, multiple=True, shared=True,
               help="Who opens what is for clients: addresses, or @example.com for all of a domain."),
        option("--labellers", type=MEMBER, multiple=True, shared=True,
               help="Who opens what is for labellers: addresses, or @example.com for all of a domain."),
        option("--oauth-client", type=click.Choice(["google", "custom"]), default="google", ask=True,
               prompt="People outside of your organisation (google: none, custom: some)",
               help="Who logs in on Google Cloud. google: only people of your organisation; custom: everybody, by a client that you make."),
        option("--iap-client-id", type=CLIENT_ID, default="", help="The id of the custom OAuth client, once it is made."),
        option("--iap-audience", type=IAP_AUDIENCE, default="",
               help="What Google signs for; known after the first deploy, and until then nobody gets in."),
        option("--issuer", type=ISSUER, default="", help="On a cluster of your own: the OpenID Connect issuer that logs people in."),
        option("--cluster-issuer", type=OBJECT_NAME, default="letsencrypt",
               help="On a cluster of your own: cert-manager's ClusterIssuer, which must answer the challenges of the domain."),
        option("--challenge", type=click.Choice(["dns", "http"]), default="dns",
               help="On a cluster of your own, how the issuer sees whose a name is. dns: one certificate for all names; http: one for "
               "each app, when nobody can write to the domain's zone."),
    )  # fmt: skip
    example = "mx generate DeploymentInfrastructure --dns-zone delegated --clients @client.example"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """It needs a cluster and a domain, and each choice what it is made with."""
        if refused := refusal(cls.__name__, values.cloud):
            return refused
        found = []
        if not values.domain:
            found.append(
                f"{cls.__name__} needs the domain that names are made below: `mx set domain=ml.example.com`."
            )
        if values.dns_zone == "owned" and values.cloud == "gcp" and not values.managed_zone:
            found.append(
                "--dns-zone owned needs --managed-zone, the zone's name: `gcloud dns managed-zones list` shows it."
            )
        if values.dns_zone != "owned" and values.managed_zone:
            found.append(f"--managed-zone {values.managed_zone} goes with --dns-zone owned.")
        if values.certificate == "single" and values.cloud != "gcp":
            found.append(
                "--certificate single goes with Google Cloud; on a cluster of your own --challenge http gives each app a certificate."
            )
        if values.challenge == "http" and values.cloud == "gcp":
            found.append(
                "--challenge http goes with a cluster of your own; on Google Cloud --certificate single needs no record for a challenge."
            )
        if values.iap_client_id and values.oauth_client != "custom":
            found.append(f"--iap-client-id {values.iap_client_id} goes with --oauth-client custom.")
        return found

    def variables(self) -> dict[str, Any]:
        """The options, and the names that are made from them."""
        values = super().variables()
        everybody = {who for one in ("engineers", "clients", "labellers") for who in patterns(one, values)}
        return {
            **values,
            "terraform_test": head(
                {"engineers": "[]", "edge_logins": '["user:ada@example.com", "domain:client.example"]'}
            ),
            "login_image": image("oauth2-proxy", values),
            "login_pinned": pinned("oauth2-proxy"),
            "gateway": GATEWAY,
            "project_domain": project_domain(values),
            "iap_audience": values["iap_audience"] or NO_AUDIENCE,
            "logins": sorted(
                f"domain:{who[2:]}" if who.startswith("*@") else f"user:{who}" for who in everybody
            ),
            "owns_zone": values["cloud"] == "gcp" and values["dns_zone"] != "elsewhere",
        }

    def generate(self, tree: Tree) -> None:
        """Render the gateway, its policies and its Terraform, and Istio as deployments."""
        values = self.variables()
        tree.render("templates")
        for address, value in devspace.sections(values):
            tree.section("devspace.yaml", address, value)
        for name, what, how in self._owed(values):
            tree.section(BY_HAND, f"owed.{name}", {"what": what, "how": how})
        for name, record in self._records(values):
            tree.section(HOSTS, f"records.{name}", record)
        if values["cloud"] == "gcp":
            self._next_on_google(tree, values)
        else:
            tree.next_step(
                "devspace deploy istio-base istiod istio-ingressgateway edge", "installs the gateway"
            )
            self._next_elsewhere(tree, values)

    def _owed(self, values: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
        """What only a person can do, and has not said yet that it is done: its name, what it is, and how."""
        instance = type(self).__name__
        if values["cloud"] != "gcp":
            if not values["issuer"]:
                yield (
                    "issuer",
                    "who logs people in; until then only what is public can be opened",
                    f"mx set {instance}.issuer=URL",
                )
            return
        if values["oauth_client"] == "custom" and not values["iap_client_id"]:
            yield (
                "oauth-client",
                "an OAuth client for people outside of your organisation, which only a person can make at Google",
                f"docs/edge.md says how; then: mx set {instance}.iap-client-id=ID",
            )
        if not self.values.iap_audience:
            yield (
                "iap-audience",
                "what Google signs for, once the gateway is deployed; until then nobody gets in but to what is public",
                f"docs/edge.md says where it is found; then: mx set {instance}.iap-audience=AUDIENCE",
            )

    def _records(self, values: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
        """What must stand in DNS for names and their certificate; `mx doctor` looks for it, in this order."""
        if values["cloud"] != "gcp":
            return
        domain, output = (
            values["project_domain"],
            "`mx infra output edge_dns` shows what somebody has to enter",
        )
        if values["dns_zone"] == "delegated":
            yield (
                "a-delegation",
                {
                    "name": domain,
                    "type": "NS",
                    "without": "nobody asks the project's zone, so none of its names leads anywhere",
                    "how": f"{output}, in the zone above",
                },
            )
        if values["certificate"] == "single":
            return
        yield (
            "challenge",
            {
                "name": f"_acme-challenge.{domain}",
                "type": "CNAME",
                "ends": ".authorize.certificatemanager.goog",
                "without": "Google gives no certificate",
                "how": output
                if values["dns_zone"] == "elsewhere"
                else "`mx infra plan` shows whether Terraform made it",
            },
        )

    def _next_on_google(self, tree: Tree, values: dict[str, Any]) -> None:
        folder = "infrastructure/terraform"
        why = {
            "owned": "makes the address, the certificate and the records",
            "delegated": "makes the address, the certificate and the zone; whoever has the domain then enters the NS records of edge_dns",
            "elsewhere": "makes the address and the certificate; whoever has the domain then enters the records of edge_dns",
        }
        tree.next_step(f"terraform -chdir={folder} apply", why[values["dns_zone"]])
        if values["dns_zone"] != "owned":
            tree.next_step(f"terraform -chdir={folder} output edge_dns", "shows the records to enter")
        if values["oauth_client"] == "custom" and not values["iap_client_id"]:
            tree.next_step(
                "mx set DeploymentInfrastructure.iap-client-id=ID",
                "once you made an OAuth client in the cloud's console: docs/edge.md says how; Terraform cannot",
            )
        tree.next_step("devspace deploy", "installs Istio and the gateway, in their order")
        if not self.values.iap_audience:
            tree.next_step(
                "mx set DeploymentInfrastructure.iap-audience=AUDIENCE",
                "lets the audiences in; docs/edge.md says where it is found after the first deploy",
            )

    def _next_elsewhere(self, tree: Tree, values: dict[str, Any]) -> None:
        if not values["issuer"]:
            tree.next_step(
                "mx set DeploymentInfrastructure.issuer=URL",
                "who logs people in; until then only what is public can be opened",
            )
        tree.next_step(
            f"kubectl get clusterissuer {values['cluster_issuer']}",
            f"cert-manager and this issuer must be there, and answer {values['challenge'].upper()} challenges",
        )
