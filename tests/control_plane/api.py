"""The Kubernetes API over HTTP, for what would be too slow through a process of kubectl each time."""

from __future__ import annotations

import functools
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Object = dict[str, Any]


class ApiError(Exception):
    """The API server refused. `code` is the HTTP status: 404 not found, 409 conflict, 422 invalid."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True)
class Api:
    """A client of one API server.

    Args:
        server: `https://127.0.0.1:PORT`.
        token: Of a user who may do everything.
        authority: The certificate that the server shows, as a PEM file.
    """

    server: str
    token: str
    authority: Path

    def get(self, path: str) -> Any:
        """What lies at a path (`/api/v1/nodes`)."""
        return self._send("GET", path)

    def create(self, path: str, body: Object) -> Any:
        """Create an object in the collection at `path`."""
        return self._send("POST", path, body)

    def put(self, path: str, body: Object) -> Any:
        """Replace an object."""
        return self._send("PUT", path, body)

    def patch(self, path: str, body: Object) -> Any:
        """A merge patch: what is in `body` is set, `None` takes away, lists are replaced."""
        return self._send("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path: str, **options: Any) -> Any:
        """Delete an object; `options` are those of `DeleteOptions`."""
        return self._send("DELETE", path, {"apiVersion": "v1", "kind": "DeleteOptions", **options})

    @functools.cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        context = ssl.create_default_context(cafile=str(self.authority))
        # A proxy of the environment does not reach this machine's own ports.
        return urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def ok(self, path: str) -> bool:
        """Whether the server answers, and well, at a path."""
        try:
            with self._open("GET", path, timeout=5) as answer:
                return bool(answer.status == 200)
        except (ApiError, OSError):
            return False

    def watch(self, path: str, seconds: int) -> Iterator[Object]:
        """Events (`{"type": …, "object": …}`) of the collection at `path` (with its query) for at most `seconds`."""
        with self._open("GET", f"{path}&watch=1&timeoutSeconds={seconds}", timeout=seconds + 30) as answer:
            for line in answer:
                yield json.loads(line)

    def _send(
        self, method: str, path: str, body: Object | None = None, kind: str = "application/json"
    ) -> Any:
        deadline = time.monotonic() + 60
        while True:
            try:
                with self._open(method, path, body, kind) as answer:
                    text = answer.read()
                return json.loads(text) if text else None
            except ApiError as error:
                # 429 is "come again": what was defined just now, for one, takes a moment.
                if error.code != 429 or time.monotonic() > deadline:
                    raise
            time.sleep(0.5)

    def _open(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        kind: str = "application/json",
        timeout: float = 60,
    ) -> Any:
        request = urllib.request.Request(
            self.server + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": kind},
            method=method,
        )
        try:
            return self._opener.open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(error.code, error.read().decode("utf-8", "replace")) from None
