"""Which hosts GITLAB_TOKEN may be sent to: `shipyard.yaml` may be somebody else's, and names some."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from mxdev.errors import Refused

from mxdev_shipyard.onboarding.git import TOKEN
from mxdev_shipyard.onboarding.settings import Settings

# Whose token it is: what GitLab's own program reads, and what each job of GitLab's pipelines is given.
HOMES = ("GITLAB_HOST", "CI_SERVER_URL")
_PORTS = {"http": 80, "https": 443}


def check(settings: Settings, *, trust: bool) -> None:
    """Let the token be sent to its own GitLab only, or, with `trust`, to whatever the settings name.

    Raises:
        Refused: the settings name another host, or nothing says which GitLab the token is of.
    """
    if trust or not os.environ.get(TOKEN):
        return
    named = {settings.gitlab, *settings.environments.values()}
    hosts = {origin for address in named if (origin := _origin(address))}
    home = next((value for name in HOMES if (value := os.environ.get(name))), "")
    others = sorted(hosts - {_origin(home if "://" in home else f"https://{home}")})
    if not others:
        return
    where = ", ".join(others)
    if not home:
        raise Refused(
            f"The settings name {where}, and nothing says that {TOKEN} is for it.",
            hint=f"Export {HOMES[0]}, the address of the GitLab that it is of; or, if you trust the settings, add --trust.",
        )
    raise Refused(
        f"{TOKEN} is for {home}, and the settings would have it sent to {where}.",
        hint="Correct gitlab and environments in shipyard.yaml; or, if you trust them, add --trust.",
    )


def _origin(address: str) -> str:
    """Scheme, host and port of an address that Git and GitLab are asked at by HTTP; empty for any other, which gets no token."""
    try:
        parts = urlsplit(address.strip())
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return address
    if parts.scheme not in _PORTS:
        return ""
    return f"{parts.scheme}://{parts.hostname}{'' if port == _PORTS[parts.scheme] else f':{port}'}"
