"""GitLab's interface: asked with the token, which stays with its host, and again when it is busy."""

from __future__ import annotations

import os
import time
from typing import Any

import requests
from mxdev.errors import MxError

from mxdev_shipyard.onboarding import git
from mxdev_shipyard.onboarding.settings import Settings

# Seconds before each further try, where GitLab names none, and the longest time that it may name.
WAITS = (0.2, 1.0, 3.0)
LONGEST = 60
_BUSY = (429, 500, 502, 503, 504)
# With these it has done nothing; after another, what a POST makes may be there.
_UNDONE = (429, 503)


class LeadsElsewhereError(requests.RequestException):
    """It leads to another host, which is not sent the token."""


class BusyError(requests.RequestException):
    """It does not want to be asked for longer than anybody waits."""


def server(address: str) -> Any:
    """The GitLab at an address.

    Raises:
        MxError: there is no token.
    """
    import gitlab

    token = os.environ.get(git.TOKEN)
    if not token:
        raise MxError(
            f"No token of GitLab: {git.TOKEN} is not set.", hint="Make one with the scope api, and export it."
        )
    return gitlab.Gitlab(address, private_token=token, timeout=30, session=_Session())


class _Session(requests.Session):
    """Takes GitLab's token to no other host, which requests does with all but its own headers, and waits where GitLab asks for it."""

    def rebuild_auth(self, prepared_request: Any, response: Any) -> None:
        if self.should_strip_auth(response.request.url, prepared_request.url):
            raise LeadsElsewhereError(
                f"it leads to {prepared_request.url}, which is not sent {git.TOKEN}",
            )
        super().rebuild_auth(prepared_request, response)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        if not kwargs.get(
            "allow_redirects", True
        ):  # a hop of a redirect; the request as a whole is tried again
            return super().send(request, **kwargs)
        busy = _UNDONE if request.method == "POST" else _BUSY
        for wait in (*WAITS, None):
            answer = super().send(request, **kwargs)
            if answer.status_code not in busy:
                break
            named = answer.headers.get("Retry-After", "")
            seconds = int(named) if named.isdecimal() else wait
            if seconds is not None and seconds > LONGEST:
                raise BusyError(f"it asks to wait {seconds} seconds")
            if wait is None or seconds is None:
                if answer.status_code == 429:  # python-gitlab would begin anew
                    raise BusyError("it was asked too often")
                break
            time.sleep(seconds)
        return answer


def refusal(settings: Settings, error: Exception) -> MxError:
    """What GitLab's answer means, and what to do about it."""
    code = getattr(error, "response_code", None)
    hint = None
    if code == 401:
        hint = f"{git.TOKEN} is none of {settings.gitlab}, or has ended: make one with the scope api."
    elif code == 403:
        hint = f"Let the owner of {git.TOKEN}, whose scope is api, be Maintainer of {settings.group}."
    elif code == 404:
        hint = f"Is there a group {settings.group}, and may the owner of {git.TOKEN} see it?"
    elif (code or 0) >= 500 or isinstance(error, BusyError):
        hint = "Run it again later."
    if code:
        return MxError(f"GitLab refuses: {error}", hint=hint)
    return MxError(
        f"GitLab at {settings.gitlab} cannot be asked: {error}",
        hint=hint or "Look at gitlab in shipyard.yaml.",
    )
