"""What Acme adds to mx. This module only announces; what does the work is imported when it is used."""

from __future__ import annotations

from mxdev import hookimpl, lazy
from mxdev.plan_checks import CheckedPlan
from mxdev.plugins import Lazy


@hookimpl
def mx_generators() -> list[Lazy]:
    """Acme's generators."""
    return [lazy("acme_mx.audit.generator:AuditTrail", "Keep an audit trail of every training run.")]


@hookimpl
def mx_commands() -> list[Lazy]:
    """Acme's commands."""
    return [lazy("acme_mx.command:acme", "Say how this project differs from Acme's defaults.")]


@hookimpl
def mx_lint_rules() -> list[Lazy]:
    """Acme's lint rules."""
    return [
        lazy("acme_mx.rules:NoPublicBucket", "No bucket is open to everybody.", name="acme-no-public-bucket")
    ]


@hookimpl
def mx_template_filters() -> list[Lazy]:
    """Acme's template filters."""
    return [lazy("acme_mx.filters:ticket")]


@hookimpl
def mx_template_overrides() -> dict[str, str]:
    """Acme's templates in place of others."""
    return {"MLProjectSkeleton": "house"}


DEFAULTS = {"region": "europe-west3", "domain": "ml.acme.example"}


@hookimpl
def mx_defaults() -> dict[str, object]:
    """Acme's values for options."""
    return {**DEFAULTS, "MLProjectSkeleton.python": "3.12"}


@hookimpl
def mx_check_plan(plan: CheckedPlan) -> str | None:
    """Acme's data stays in Europe."""
    region = str(plan.options.get("region", "europe-"))
    if region.startswith("europe-"):
        return None
    return f"the region {region} is not in Europe, and Acme's data stays there; `mx set region=europe-west3`"
