"""One file of one branch of a project of GitLab: read, and written only where it differs."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SECONDS = 20


class GitLabError(Exception):
    """GitLab did not answer, or refused."""


class _MissingError(Exception):
    """There is no such file."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: the host that it leads to would be sent the token."""

    def redirect_request(self, *_: Any) -> None:
        """Leave the redirect as the answer that it is."""


_OPENER = urllib.request.build_opener(_NoRedirect)


@dataclass(frozen=True)
class Repository:
    """A branch of a project of GitLab.

    Attributes:
        server: the address of GitLab, such as https://gitlab.com.
        project: the path of the project.
        branch: the branch that is read and committed to.
        token: an access token of the project with the scope `api`.
    """

    server: str
    project: str
    branch: str
    token: str

    def write(self, path: str, make: Callable[[str | None], str], message: str) -> str:
        """Commit what `make` makes of the file's text (None: there is none); what was done.

        Raises:
            GitLabError: GitLab refused, or somebody changed the file in the same moment.
        """
        there, last = self._read(path)
        text = make(there)
        if text == there:
            return "nothing: it is written already"
        body = {"branch": self.branch, "content": text, "commit_message": message}
        if there is None:
            self._ask("POST", path, body)
            return "created"
        # GitLab refuses it if the file is not the one that was read.
        self._ask("PUT", path, {**body, "last_commit_id": last})
        return "updated"

    def _read(self, path: str) -> tuple[str | None, str]:
        try:
            found = self._ask("GET", f"{path}?ref={urllib.parse.quote(self.branch, safe='')}", None)
        except _MissingError:
            return None, ""
        return base64.b64decode(found["content"]).decode("utf-8"), str(found["last_commit_id"])

    def _ask(self, method: str, path: str, body: dict[str, str] | None) -> Any:
        name, _, query = path.partition("?")
        address = f"{self.server}/api/v4/projects/{urllib.parse.quote(self.project, safe='')}/repository/files/"
        address += urllib.parse.quote(name, safe="") + (f"?{query}" if query else "")
        request = urllib.request.Request(  # noqa: S310 the server is a setting of the platform
            address,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"PRIVATE-TOKEN": self.token, "Content-Type": "application/json"},
        )
        try:
            with _OPENER.open(request, timeout=SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404 and method == "GET":
                message = error.read().decode("utf-8", "replace")
                # A project that the token does not see is 404, too, and is no missing file.
                if "File Not Found" in message:
                    raise _MissingError from None
                raise GitLabError(f"{self.project} on {self.server}: {message[:300]}") from error
            told = error.read(300).decode("utf-8", "replace")
            raise GitLabError(f"GitLab answered {error.code} to {method} {name}: {told}") from error
        except (urllib.error.URLError, TimeoutError, ValueError) as error:
            raise GitLabError(f"GitLab did not answer to {method} {name}: {error}") from error
