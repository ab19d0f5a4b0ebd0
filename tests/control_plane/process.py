"""One run of one container: a local process, all that it starts, and what it says."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

MARK = "MX_TEST_CONTAINER"


def now(later: float = 0) -> str:
    """The time, or that `later` seconds from now, as Kubernetes writes it in log lines."""
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=later)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


class Process:
    """A running container. Its lines are kept with the time at which they came.

    Args:
        mark: Unlike any other container's; what it starts is found by it.
        command, cwd, environ: As `subprocess.Popen` takes them.
    """

    def __init__(self, mark: str, command: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> None:
        self._mark = f"{MARK}={mark}".encode()
        self.started = now()
        self.lines: list[tuple[str, bytes]] = []
        self._news = threading.Condition()
        self.ended = False
        self._process = subprocess.Popen(
            command, cwd=cwd, env={**environ, MARK: mark}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self) -> int:
        """Wait for the end; the exit code, 128 and the number for a signal. Whatever is left of it is killed then."""
        code = self._process.wait()
        self.kill()
        self._reader.join(5)
        with self._news:
            self.ended = True
            self._news.notify_all()
        return code if code >= 0 else 128 - code

    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; SIGKILL to all that the container runs, as when a container is taken away."""
        if number != signal.SIGKILL:
            self._send(self._process.pid, number)
            return
        # What it has started may be in sessions of its own (torchrun's ranks are) and have lost its parent.
        for pid in [self._process.pid, *self._marked()]:
            self._send(pid, number)

    def follow(self, stop: threading.Event) -> Iterator[tuple[str, bytes]]:
        """Lines, from the first on, as they come; ends with the container."""
        seen = 0
        while not stop.is_set():
            with self._news:
                if seen == len(self.lines) and not self.ended:
                    self._news.wait(timeout=1)
                news, ended = self.lines[seen:], self.ended
            yield from news
            seen += len(news)
            if ended and not news:
                return

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as stream:
            for line in stream:
                with self._news:
                    self.lines.append((now(), line))
                    self._news.notify_all()

    def _marked(self) -> Iterator[int]:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name)
            except OSError:
                continue  # It has ended, or is somebody else's.

    def _send(self, pid: int, number: int) -> None:
        if pid == self._process.pid and self._process.poll() is not None:
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
