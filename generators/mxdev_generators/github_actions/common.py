"""Steps and names that several workflows have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev_generators.ci.model import UV_VERSION
from mxdev_generators.ci.options import account_email
from mxdev_generators.github_actions import actions
from mxdev_generators.github_actions.actions import Step
from mxdev_generators.project import package_index

RUNNER = "ubuntu-24.04"
PROVIDER = "GCP_WORKLOAD_IDENTITY_PROVIDER"
"""The variable of the repository that says where a job becomes an account of Google Cloud."""


def setup_uv(values: Mapping[str, Any], cache: str | bool) -> Step:
    """uv, and the project's Python."""
    # No cache of a release: `cache` is an expression in the workflow that both call.
    kept = {} if cache is False else {"cache_dependency_glob": "pyproject.toml\nrequirements.lock"}
    return actions.SETUP_UV.step(
        version=UV_VERSION, python_version=values["python"], enable_cache=cache, **kept
    )


def auth(values: Mapping[str, Any], role: str = "") -> Step:
    """A token for an hour, of the jobs' account on Google Cloud.

    Args:
        values: the options.
        role: "plan" or "apply": of an account that Terraform runs as, to which another provider leads.
    """
    suffix = f"-{role}" if role else ""
    return actions.AUTH.step(
        id="auth",
        project_id=values["project_id"],
        workload_identity_provider=f"${{{{ vars.{PROVIDER} }}}}{suffix}",
        service_account=account_email(values, f"github{suffix}"),
        token_format="access_token",  # noqa: S106
        create_credentials_file=False,
    )


def kubeconfig(where: str, without: str) -> list[str]:
    """Commands that end a job well where the repository, or its environment, has no secret KUBECONFIG, and say so."""
    said = f"::notice::The {where} has no secret KUBECONFIG, so {without}."
    return [f"test -n \"$KUBECONFIG_DATA\" || {{ echo '{said}'; exit 0; }}"]


def package_login(values: Mapping[str, Any]) -> dict[str, str]:
    """The login of the project's own package index, from the repository's secrets."""
    return {name: f"${{{{ secrets.{name} }}}}" for name in package_index.login(values)}
