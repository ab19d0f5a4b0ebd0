"""The few calls of MLflow's REST API that mx itself makes, without importing MLflow, which takes seconds.

Credentials come from where MLflow's own client takes them: the address, MLFLOW_TRACKING_USERNAME and _PASSWORD,
MLFLOW_TRACKING_TOKEN, ~/.mlflow/credentials; MLFLOW_TRACKING_INSECURE_TLS and _SERVER_CERT_PATH count too. Its plugins
for other kinds of authentication do not: such a server refuses, and the error says so.
"""

from __future__ import annotations

import base64
import configparser
import contextlib
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlencode, urlsplit
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener, proxy_bypass

from mxdev.errors import MxError
from mxdev.flow.words import ENDED, ENTRY_POINT

_PAGE = 1000


class NoAnswer(MxError):
    """The tracking server did not answer, or refused."""


@dataclass(frozen=True)
class TrackedRun:
    """A run as the server has it.

    Attributes:
        id: 32 hexadecimal digits.
        name: what MLflow or a person called it.
        status: RUNNING, SCHEDULED, FINISHED, FAILED or KILLED.
        started: when it was made, in seconds since 1970.
        entry_point: the entry point of MLproject; empty for a run that was not made by one.
        tags: all of its tags.
    """

    id: str
    name: str
    status: str
    started: float
    entry_point: str
    tags: Mapping[str, str]

    @property
    def has_ended(self) -> bool:
        """Whether its status is final."""
        return self.status in ENDED


class Server:
    """A tracking server.

    Args:
        uri: its address, http or https, as MLFLOW_TRACKING_URI has it.
        environ: the environment variables.
        timeout: seconds that one answer may take.
    """

    def __init__(self, uri: str, environ: Mapping[str, str], timeout: float = 10) -> None:
        parts = urlsplit(uri)
        host = parts.netloc.rpartition("@")[2]
        self.address = f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
        self._headers = {"Content-Type": "application/json", **_authorization(parts.netloc, environ)}
        self._timeout = timeout
        handlers: list[Any] = [HTTPSHandler(context=_tls(environ))]
        if proxy_bypass(parts.hostname or ""):
            handlers.append(ProxyHandler({}))
        self._opener = build_opener(*handlers)

    def run(self, run_id: str) -> TrackedRun | None:
        """The run of that id, None if the server has none.

        Raises:
            NoAnswer: the server did not answer.
        """
        answer = self._call("GET", f"runs/get?{urlencode({'run_id': run_id})}", missing_ok=True)
        return None if answer is None else _run(answer["run"])

    def search(self, filter_string: str) -> list[TrackedRun]:
        """The runs of all experiments that a filter lets through, newest first.

        Args:
            filter_string: in MLflow's language, for example `attributes.status = 'RUNNING'`.

        Raises:
            NoAnswer: the server did not answer.
        """
        experiments = self._pages("experiments/search", {}, "experiments")
        ids = [experiment["experiment_id"] for experiment in experiments]
        if not ids:
            return []
        query = {"experiment_ids": ids, "filter": filter_string}
        return [_run(found) for found in self._pages("runs/search", query, "runs")]

    def set_status(self, run_id: str, status: str) -> None:
        """Close a run: `status` is FINISHED, FAILED or KILLED, its end is now.

        Raises:
            NoAnswer: the server did not answer.
        """
        body = {"run_id": run_id, "status": status, "end_time": int(time.time() * 1000)}
        self._call("POST", "runs/update", body)

    def _pages(self, path: str, query: Mapping[str, Any], what: str) -> Sequence[dict[str, Any]]:
        """All pages of a search."""
        found: list[dict[str, Any]] = []
        token = None
        while True:
            body = {**query, "max_results": _PAGE, **({"page_token": token} if token else {})}
            answer = self._call("POST", path, body) or {}
            found += answer.get(what, [])
            token = answer.get("next_page_token")
            if not token:
                return found

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, missing_ok: bool = False
    ) -> Any:
        """One call; None when there is no such thing and `missing_ok`."""
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.address}/api/2.0/mlflow/{path}"
        request = Request(url, data=data, headers=self._headers, method=method)  # noqa: S310
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                return json.load(answer)
        except HTTPError as problem:
            text = problem.read().decode("utf-8", "replace")
            if missing_ok and problem.code == 404 and "RESOURCE_DOES_NOT_EXIST" in text:
                return None
            raise NoAnswer(
                f"the tracking server {self.address} says {problem.code} {problem.reason}: {_reason(text)}"
            ) from problem
        except (URLError, OSError, ValueError) as problem:
            reason = problem.reason if isinstance(problem, URLError) else problem
            raise NoAnswer(f"the tracking server {self.address} does not answer: {reason}.") from problem


def _run(found: Mapping[str, Any]) -> TrackedRun:
    info = found["info"]
    tags = {tag["key"]: tag.get("value", "") for tag in found.get("data", {}).get("tags", [])}
    name = info.get("run_name") or tags.get("mlflow.runName", "")
    started = int(info.get("start_time", 0)) / 1000
    return TrackedRun(info["run_id"], name, info["status"], started, tags.get(ENTRY_POINT, ""), tags)


def _reason(text: str) -> str:
    """The message of an answer that is an error, in one line."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        text = json.loads(text)["message"]
    return " ".join(text.split())[:300] or "no reason given"


def _authorization(netloc: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The header that lets mx in, if the server asks for one."""
    name, _, password = (unquote(part) for part in netloc.rpartition("@")[0].partition(":"))
    if not name:
        name, password = (
            environ.get("MLFLOW_TRACKING_USERNAME", ""),
            environ.get("MLFLOW_TRACKING_PASSWORD", ""),
        )
    if not name and (token := environ.get("MLFLOW_TRACKING_TOKEN")):
        return {"Authorization": f"Bearer {token}"}
    if not name:
        file = configparser.ConfigParser(interpolation=None)
        file.read(Path(environ.get("HOME", "~")).expanduser() / ".mlflow" / "credentials", encoding="utf-8")
        name = file.get("mlflow", "mlflow_tracking_username", fallback="")
        password = file.get("mlflow", "mlflow_tracking_password", fallback="")
    if not name:
        return {}
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def _tls(environ: Mapping[str, str]) -> ssl.SSLContext:
    if environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1"):
        return ssl._create_unverified_context()  # noqa: S323
    return ssl.create_default_context(cafile=environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or None)
