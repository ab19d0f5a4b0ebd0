"""A port of a service in the cluster on a port of this machine, kept up: `kubectl port-forward`, again and again.

kubectl holds on to one pod, and ends when that does or when the API server is lost. Then it is started anew, after pauses
that grow. kubectl runs on a leash: it ends with this process, also when this process is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from mxdev.cluster.kubectl import Kubectl, last_line
from mxdev.errors import MxError
from mxdev.system import console, programs

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
# How long a first answer may take, in seconds: cloud logins ask a browser.
_PATIENCE = 120.0
_LOOK_EVERY = 3.0
# So many times in a row nothing may answer before kubectl is started anew.
_MISSES = 2

# What kubectl says of things that pass: the pod is starting, or was just replaced.
_PASSING = ("pod is not running", "lost connection to pod", "timed out waiting", "error forwarding port")

# $@ is kubectl. Its end is this script's; the end of stdin, which is this process's, is kubectl's.
_LEASH = """\
exec 3<&0
"$@" </dev/null 3<&- & child=$!
{ read -r _; kill "$child"; } <&3 3<&- >/dev/null 2>&1 & leash=$!
exec 3<&-
wait "$child"; code=$?
kill "$leash" 2>/dev/null
exit "$code"
"""


@dataclass(frozen=True)
class Forward:
    """What is forwarded, and how to tell that it works.

    Attributes:
        kubectl: kubectl with its context and namespace.
        target: what kubectl forwards to, `service/NAME`.
        host: the address on this machine.
        local: the port on this machine.
        remote: the port of the service.
        answers: whether what is forwarded answers; asked again and again, may take some seconds.
        check_port: raises MxError when the port on this machine cannot be listened on.
    """

    kubectl: Kubectl
    target: str
    host: str
    local: int
    remote: int
    answers: Callable[[], bool]
    check_port: Callable[[], None]

    def keep_up(self, on_up: Callable[[float | None], None]) -> None:
        """Keep the port forwarded until an exception, such as KeyboardInterrupt, ends it.

        Args:
            on_up: called each time it is up: with None the first time, with the seconds that it was gone later.

        Raises:
            MxError: the port is taken, or the first attempt fails for a reason that does not pass by itself.
        """
        pause, lost_at, ever_up = FIRST_PAUSE, None, False
        while True:
            self.check_port()
            with Leashed(self._command()) as kubectl:
                reason = self._first_answer(kubectl, _PATIENCE)
                if reason is None:
                    on_up(time.monotonic() - lost_at if ever_up and lost_at else None)
                    pause, lost_at, ever_up = FIRST_PAUSE, None, True
                    reason = self._watch(kubectl)
            if not ever_up and not any(sign in reason for sign in _PASSING):
                raise self.kubectl.failure(("port-forward",), reason)
            if lost_at is None:
                # Said once, however often it is tried.
                lost_at = time.monotonic()
                what = "the connection was lost" if ever_up else f"{self.target} is not ready yet"
                said = last_line(reason).removeprefix("error: ")
                console.warn(f"{what} ({said}); trying until it is back, ^C ends that")
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    @contextmanager
    def held(self, patience: float) -> Iterator[None]:
        """Forward the port while something is done through it, once.

        Args:
            patience: how long the first answer may take, in seconds.

        Raises:
            MxError: the port is taken, or nothing answers; says what kubectl says.
        """
        self.check_port()
        with Leashed(self._command()) as kubectl:
            reason = self._first_answer(kubectl, patience)
            if reason is not None:
                raise self.kubectl.failure(("port-forward",), reason)
            yield

    def _command(self) -> list[str]:
        """The whole command."""
        # kubectl would wait for a pod for a minute and say nothing.
        words = self.kubectl.command(
            "port-forward",
            self.target,
            f"{self.local}:{self.remote}",
            f"--address={self.host}",
            "--pod-running-timeout=10s",
        )
        return [*programs.find("kubectl").command, *words[1:]]

    def _first_answer(self, kubectl: Leashed, patience: float) -> str | None:
        """Wait until something answers; None then, else why nothing does."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if (reason := kubectl.ended()) is not None:
                return reason
            if self.answers():
                return None
            time.sleep(0.2)
        return f"timed out waiting for an answer on port {self.remote}"

    def _watch(self, kubectl: Leashed) -> str:
        """Watch what is up; why it is so no longer."""
        missed, look_at = 0, time.monotonic() + _LOOK_EVERY
        while True:
            if (reason := kubectl.ended()) is not None:
                return reason
            if time.monotonic() >= look_at:
                missed = 0 if self.answers() else missed + 1
                if missed == _MISSES:
                    return f"nothing answers on port {self.remote} any more"
                look_at = time.monotonic() + _LOOK_EVERY
            time.sleep(0.2)


class Leashed:
    """A running kubectl that ends with this process."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._said: deque[str] = deque(maxlen=20)

    def __enter__(self) -> Leashed:
        try:
            # A group of its own: ^C on a terminal reaches this process alone, which then ends kubectl.
            self._process = subprocess.Popen(
                ["sh", "-c", _LEASH, "sh", *self._command],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                process_group=0,
            )
        except OSError as problem:
            raise MxError(f"kubectl could not be started: {problem}.") from problem
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        return self

    def _listen(self) -> None:
        assert self._process.stderr is not None
        self._said.extend(self._process.stderr)

    def ended(self) -> str | None:
        """What kubectl said before it ended; None while it runs."""
        code = self._process.poll()
        if code is None:
            return None
        self._reader.join(2)
        return "".join(self._said).strip() or f"kubectl ended with exit code {code} and said nothing"

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(2)
