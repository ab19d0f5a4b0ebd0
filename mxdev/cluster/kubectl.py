"""Runs kubectl against one cluster and namespace. A lost API server is tried again with growing pauses."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any

from mxdev.cluster import refusals
from mxdev.cluster.refusals import ClusterError
from mxdev.system import console, programs, proxies

# How long one request may take before the server counts as lost, in seconds.
_REQUEST = 30
# How long kubectl may take for one thing, in seconds: a login that it asks another program for has no end of its own.
WHOLE = 300.0
# How long a server that answered before may be away, and one that never did, in seconds.
PATIENCE = 900.0
FIRST_PATIENCE = 20.0
_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0)


class Kubectl:
    """kubectl, bound to a context and a namespace.

    Args:
        context: a context of the kubeconfig; None: the current one.
        namespace: None: the context's own.
        patience: how long, in seconds, a server that answered before may be away.
        say: told once when the server is lost, and once when it is back.
    """

    def __init__(
        self,
        context: str | None,
        namespace: str | None,
        *,
        patience: float = PATIENCE,
        say: Callable[[str], None] = console.status,
    ) -> None:
        self._context = context
        self._namespace = namespace
        self._patience = patience
        self._say = say
        self._reached = False
        self._lost_since: float | None = None

    @functools.cached_property
    def context(self) -> str:
        """The context in effect; empty inside of a pod, where kubectl needs none.

        Raises:
            ClusterError: there is none.
        """
        if self._context:
            return self._context
        result = programs.run([*self._program, "config", "current-context"], capture=True)
        if result.code == 0:
            return result.stdout.decode().strip()
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            return ""
        raise ClusterError(
            "kubectl has no current context, so there is no cluster to talk to.",
            words=refusals.words(result.stderr.decode("utf-8", "replace")),
            reason="NoContext",
            hint="Log in to one (`gcloud container clusters get-credentials NAME`), or choose one: "
            "`kubectl config get-contexts`, `kubectl config use-context NAME`.",
        )

    @functools.cached_property
    def namespace(self) -> str:
        """The namespace in effect."""
        if self._namespace:
            return self._namespace
        path = "jsonpath={..namespace}"
        result = programs.run([*self._command(), "config", "view", "--minify", "-o", path], capture=True)
        return result.stdout.decode().strip() or "default"

    @functools.cached_property
    def _program(self) -> tuple[str, ...]:
        return programs.find("kubectl").command

    @property
    def reached(self) -> bool:
        """Whether the API server has ever done what it was asked."""
        return self._reached

    def command(self, *arguments: str) -> list[str]:
        """The words a person would type to do the same."""
        return ["kubectl", *self._flags(), *arguments]

    def _flags(self) -> list[str]:
        flags = ["--context", self._context] if self._context else []
        return [*flags, "--namespace", self._namespace] if self._namespace else flags

    def _command(self) -> list[str]:
        return [*self._program, *self._flags()]

    def run(self, *arguments: str, input: str | None = None, retry: bool = True) -> str:
        """Run kubectl to its end and return what it printed.

        Args:
            arguments: its arguments, without context and namespace.
            input: what it reads.
            retry: try again while the API server is away.

        Raises:
            ClusterError: the API server refused (`reason` says how), or was lost for too long (`lost`).
            MissingTool: there is no kubectl.
        """
        attempt = 0
        while True:
            try:
                result = self._once(arguments, input)
            except ClusterError as problem:
                if not problem.lost:
                    # Of other failures it is not known that the server has a part in them.
                    self._reached |= problem.reason not in ("", "NoContext", "Unauthorized")
                    self._answers()
                    raise
                left = self._patience_left(problem) if retry else 0
                if left <= 0:
                    if not self._reached and (through := self._proxy()):
                        problem.hint = f"The way there leads through the proxy {through}: look whether that is there. {problem.hint}"
                    raise
                time.sleep(min(left, _PAUSES[min(attempt, len(_PAUSES) - 1)]))
                attempt += 1
            else:
                self._reached = True
                self._answers()
                return result

    def _proxy(self) -> str:
        """The proxy through which kubectl goes by its kubeconfig or by the environment, without a login; empty: none. kubectl itself does not say it."""
        path = 'jsonpath={.clusters[0].cluster.server}{"\\n"}{.clusters[0].cluster.proxy-url}'
        done = programs.run(
            [*self._command(), "config", "view", "--minify", "-o", path], capture=True, timeout=_REQUEST
        )
        server, _, found = (done.stdout if done.code == 0 else b"").decode("utf-8", "replace").partition("\n")
        inside = os.environ.get("KUBERNETES_SERVICE_HOST")
        server = server.strip() or (f"https://{inside}" if inside else "")
        found = found.strip() or proxies.of_go(server) or ""
        scheme, sign, rest = found.rpartition("://")
        return f"{scheme}{sign}{rest.rpartition('@')[2]}"

    def _patience_left(self, problem: ClusterError) -> float:
        """Say that the server is lost, if that is news; for how many seconds more to try."""
        now = time.monotonic()
        if self._lost_since is None:
            self._lost_since = now
            self._say(f"the API server does not answer, trying again: {last_line(problem.words)}")
        return self._lost_since + (self._patience if self._reached else FIRST_PATIENCE) - now

    def _answers(self) -> None:
        if self._lost_since is not None:
            self._say(f"the API server answers again, after {time.monotonic() - self._lost_since:.0f} s")
            self._lost_since = None

    def _once(self, arguments: Sequence[str], input: str | None) -> str:
        command = [*self._command(), f"--request-timeout={_REQUEST}s", *arguments]
        try:
            result = programs.run(
                command, capture=True, input=None if input is None else input.encode(), timeout=WHOLE
            )
        except programs.TooLong as problem:
            shown = " ".join([*self.command(), "get", "pods"])
            problem.hint = (
                f"`{shown}` in a terminal shows what it waits for: mostly the program that the kubeconfig names for the login (`exec`), "
                "which wants a browser, a password or a network."
            )
            raise
        if result.code == 0:
            return result.stdout.decode("utf-8", "replace")
        raise self.failure(arguments, result.stderr.decode("utf-8", "replace"))

    def failure(self, arguments: Sequence[str], stderr: str) -> ClusterError:
        """The error that kubectl's stderr tells of."""
        words = refusals.words(stderr)
        reason = refusals.reason(words, reached=self._reached)
        if reason != "Lost":
            return ClusterError(f"`kubectl {arguments[0]}` failed: {words}", words=words, reason=reason)
        where = f" of context {self._context}" if self._context else ""
        return ClusterError(
            f"The API server{where} does not answer: {last_line(words)}",
            words=words,
            reason=reason,
            hint="Look at the network, the VPN, and `kubectl cluster-info`.",
        )

    def json(self, *arguments: str, retry: bool = True) -> Any:
        """Run kubectl with `-o json` and return the object that it printed, parsed.

        Raises:
            ClusterError: as `run`; also when what it printed is no object of Kubernetes.
            MissingTool: as `run`.
        """
        return parsed(self.run(*arguments, "-o", "json", retry=retry), arguments[0])

    def popen(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start kubectl with its output in pipes. ^C does not reach it: whoever started it ends it."""
        return subprocess.Popen(
            [*self._command(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )


def parsed(text: str, verb: str) -> Any:
    """The object in JSON that `kubectl VERB` printed; of a list, its items are there.

    Raises:
        ClusterError: it is none.
    """
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("items", []), list):
        return found
    raise ClusterError(
        f"`kubectl {verb}` printed no object in JSON, but: {text.strip()[:200] or 'nothing'}",
        words=text,
        reason="Rubbish",
        hint="`kubectl version` says whether it is kubectl, and what answers for the cluster: a proxy's page is none.",
    )


def last_line(text: str) -> str:
    """The last line of what a program said, which is the one that tells what happened."""
    return text.strip().rpartition("\n")[2]
