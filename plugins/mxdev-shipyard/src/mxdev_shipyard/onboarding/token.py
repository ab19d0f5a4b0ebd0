"""Which hosts GITLAB_TOKEN may be sent to: `shipyard.yaml` may be somebody else's, and names some."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from mxdev.errors import Refused

from mxdev_shipyard.onboarding.git import TOKEN
from mxdev_shipyard.onboarding.settings import Settings

# Whose token it is: what GitLab's own program reads, and what each job of GitLab's pipelines is given.
HOMES = ("GITLAB_HOST", "CI_SERVER_URL")
_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"([A-Za-z0-9][A-Za-z0-9+.-]*)://")
_HELPER = re.compile(r"[A-Za-z0-9+.-]+::")  # git-remote-NAME
_UNCLEAR = re.compile(r"[\\\s\x00-\x1f\x7f]")
# Of Git's own; none stands for a path, and for HOST:PATH, which is SSH.
_CARRY_NO_HEADER = ("", "ssh", "git+ssh", "ssh+git", "git", "file")


def check(settings: Settings, *, trust: bool) -> None:
    """Let the token be sent to its own GitLab only, or, with `trust`, to whatever the settings name.

    Raises:
        Refused: the settings name another host, or nothing says which GitLab the token is of.
    """
    if trust or not os.environ.get(TOKEN):
        return
    named = {settings.gitlab, *settings.environments.values()}
    hosts = {origin for address in named if (origin := _origin(address))}
    home = next((value for name in HOMES if (value := os.environ.get(name, "").strip())), "")
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
    """Scheme, host and port of an address that is asked by HTTP; empty for one that cannot carry the token; else the address itself.

    What readers of addresses disagree about (`http://elsewhere\\@home` is elsewhere to some of them) is nobody's home, nor is what Git
    gives to a helper of another name, which may speak HTTP too (`ftp::http://elsewhere`).
    """
    if address.startswith(("/", ".")):  # a path, whatever is in it
        return ""
    if _UNCLEAR.search(address) or _HELPER.match(address):
        return address
    scheme = found[1].lower() if (found := _SCHEME.match(address)) else ""
    if scheme not in _PORTS:
        return "" if scheme in _CARRY_NO_HEADER else address
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS[scheme]
    except ValueError:
        return address
    return f"{scheme}://{parts.hostname}{'' if port == _PORTS[scheme] else f':{port}'}"
