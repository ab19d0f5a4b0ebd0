#!/usr/bin/env python3
"""Make GitLab's release of the version in pyproject.toml, and with it the tag; for the job on master.

It needs GitLab's own variables and Python, and nothing else. A version that is released already is left as it is, and is an error
if it was released from another commit.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any

import branches


class ReleaseError(Exception):
    """What went wrong, and what to do about it."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: the host that it leads to would be sent the job's token."""

    def redirect_request(self, *_: Any) -> None:
        """Leave the redirect as the answer that it is."""


_OPENER = urllib.request.build_opener(_NoRedirect)


def release(version: str) -> str:
    """Make the release of a version; what was done.

    Raises:
        ReleaseError: GitLab refuses, or the version is that of another commit.
    """
    tag, commit = f"v{version}", os.environ["CI_COMMIT_SHA"]
    status, found = _ask("GET", f"/releases/{tag}")
    if status == 200:
        if found["commit"]["id"] != commit:
            raise ReleaseError(f"{tag} is released already. Raise the version in pyproject.toml.")
        return f"{tag} is released already, from this commit"
    if status not in (403, 404):  # some GitLabs say 403 of a release that is not there
        raise ReleaseError(f"GitLab does not say whether {tag} is released: {status} {found}")
    body = {"tag_name": tag, "ref": commit, "name": tag, "description": f"Version {version}."}
    status, found = _ask("POST", "/releases", body)
    if status != 201:
        raise ReleaseError(f"GitLab refuses the release {tag}: {status} {found}")
    return f"{tag} is released"


def _ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
    project = f"{os.environ['CI_API_V4_URL']}/projects/{os.environ['CI_PROJECT_ID']}"
    request = urllib.request.Request(  # noqa: S310 - the address is GitLab's own variable
        project + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"JOB-TOKEN": os.environ["CI_JOB_TOKEN"], "Content-Type": "application/json"},
        method=method,
    )
    try:
        with _OPENER.open(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        raise ReleaseError(f"GitLab could not be reached: {error}") from error


def main() -> int:
    """Run the program; its exit code."""
    try:
        print(release(branches.version()))
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
