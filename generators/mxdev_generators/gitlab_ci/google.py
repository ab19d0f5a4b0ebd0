"""How a job of GitLab becomes an account of Google Cloud: by the token that GitLab signs for it, without a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev_generators.ci.options import account_email

_JWT = "/tmp/gitlab.jwt"  # noqa: S108  (in the job's own container)
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_KIND = "urn:ietf:params:oauth:token-type"


def account(values: Mapping[str, Any], role: str = "") -> dict[str, str]:
    """The variables that say as which account a job goes to Google Cloud, and which provider leads to it.

    Args:
        values: the options.
        role: "plan" or "apply": of an account that Terraform runs as; empty: the jobs' own.
    """
    suffix = f"-{role}" if role else ""
    return {
        "GOOGLE_ACCOUNT": account_email(values, f"gitlab{suffix}"),
        "GOOGLE_PROVIDER": f"$GCP_WORKLOAD_IDENTITY_PROVIDER{suffix}",
    }


def job(values: Mapping[str, Any]) -> dict[str, Any]:
    """What jobs have in common that go to Google Cloud: GOOGLE_TOKEN, for one hour, exchanged at Google and never stored."""
    read = "python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])'"
    return {
        "variables": account(values),
        "id_tokens": {"GCP_ID_TOKEN": {"aud": "https://iam.googleapis.com/$GOOGLE_PROVIDER"}},
        "before_script": [
            f'printf "%s" "$GCP_ID_TOKEN" > {_JWT}',
            "FEDERATED=$(curl --fail-with-body --silent --show-error https://sts.googleapis.com/v1/token"
            f" --data-urlencode grant_type={_GRANT}"
            f" --data-urlencode requested_token_type={_KIND}:access_token"
            f" --data-urlencode subject_token_type={_KIND}:jwt"
            f" --data-urlencode subject_token@{_JWT}"
            ' --data-urlencode "audience=//iam.googleapis.com/$GOOGLE_PROVIDER"'
            f" --data-urlencode scope={_SCOPE} | {read} access_token)",
            'GOOGLE_TOKEN=$(printf "header = \\"Authorization: Bearer %s\\"" "$FEDERATED"'
            " | curl --fail-with-body --silent --show-error --config -"
            f' --json \'{{"scope": ["{_SCOPE}"], "lifetime": "3600s"}}\''
            ' "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/$GOOGLE_ACCOUNT:generateAccessToken"'
            f" | {read} accessToken)",
        ],
    }
