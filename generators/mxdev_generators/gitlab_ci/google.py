"""How a job of GitLab becomes an account of Google Cloud: by the token that GitLab signs for it, without a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev_generators.ci.options import account_email

_JWT = "/tmp/gitlab.jwt"  # noqa: S108  (in the job's own container)
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_KIND = "urn:ietf:params:oauth:token-type"


def job(values: Mapping[str, Any]) -> dict[str, Any]:
    """What jobs have in common that go to Google Cloud: GOOGLE_TOKEN, for one hour, exchanged at Google and never stored."""
    email = account_email(values, "gitlab")
    read = "python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])'"
    return {
        "id_tokens": {"GCP_ID_TOKEN": {"aud": "https://iam.googleapis.com/$GCP_WORKLOAD_IDENTITY_PROVIDER"}},
        "before_script": [
            f'printf "%s" "$GCP_ID_TOKEN" > {_JWT}',
            "FEDERATED=$(curl --fail-with-body --silent --show-error https://sts.googleapis.com/v1/token"
            f" --data-urlencode grant_type={_GRANT}"
            f" --data-urlencode requested_token_type={_KIND}:access_token"
            f" --data-urlencode subject_token_type={_KIND}:jwt"
            f" --data-urlencode subject_token@{_JWT}"
            ' --data-urlencode "audience=//iam.googleapis.com/$GCP_WORKLOAD_IDENTITY_PROVIDER"'
            f" --data-urlencode scope={_SCOPE} | {read} access_token)",
            'GOOGLE_TOKEN=$(printf "header = \\"Authorization: Bearer %s\\"" "$FEDERATED"'
            " | curl --fail-with-body --silent --show-error --config -"
            f' --json \'{{"scope": ["{_SCOPE}"], "lifetime": "3600s"}}\''
            f" https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
            f" | {read} accessToken)",
        ],
    }
