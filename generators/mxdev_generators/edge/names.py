"""Names at the edge: the project's part of the domain, an app's host below it, and who an audience is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from mxdev.generator import Pattern

AUDIENCES = ("engineers", "clients", "labellers", "public")
# What Google signs for nobody: until the real one is set, the gateway lets nobody in.
NO_AUDIENCE = "/projects/0/global/backendServices/0"
GATEWAY = "edge"

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOST = Pattern(
    rf"(?:{_LABEL})?",
    "one label of a DNS name, such as labeling (lower-case letters, digits and dashes), or empty",
    metavar="LABEL",
)
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})+"
MEMBER = Pattern(
    rf"(?:[a-z0-9][a-z0-9._+-]*)?@{_DOMAIN}",
    "an address such as ann@example.com, or a whole domain such as @example.com, in lower case",
    metavar="ADDRESS",
)
AUDIENCE = click.Choice(list(AUDIENCES))


def project_domain(values: Mapping[str, Any]) -> str:
    """The project's own part of the company's domain, such as `churn-model.ml.example.com`."""
    return f"{values['name']}.{values['domain']}"


def address(host: str, values: Mapping[str, Any]) -> str:
    """The whole name of an app's host, such as `labeling.churn-model.ml.example.com`."""
    return f"{host}.{project_domain(values)}"


def members(audience: str, values: Mapping[str, Any]) -> list[str]:
    """Who is in an audience: addresses, and domains as `@example.com`, sorted; the project's engineers are of the first.

    Args:
        audience: engineers, clients or labellers.
        values: the options of the project and of DeploymentInfrastructure.
    """
    own = [one.email.lower() for one in values["engineer"]] if audience == "engineers" else []
    return sorted({*own, *map(str, values[audience])})


def patterns(audience: str, values: Mapping[str, Any]) -> list[str]:
    """The members of an audience as Istio compares them: a domain is every address that ends with it."""
    return [f"*{one}" if one.startswith("@") else one for one in members(audience, values)]
