"""Starts the programs of one control plane, and stops them."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path


class Stopped(Exception):
    """A program of the control plane ended by itself, or was not ready in time. The text has the end of its log."""


class Programs:
    """The running programs of one control plane; `NAME.log` in `folder` is what each one says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: object, environ: Mapping[str, str] | None = None) -> None:
        """Start a program. Its arguments are turned into text; `environ` is laid over the environment."""
        with (self._folder / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                [str(part) for part in command],
                cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, **(environ or {})},
            )  # fmt: skip

    def wait(self, name: str, ready: Callable[[], bool], seconds: float = 240) -> None:
        """Wait until `ready()`; raises `Stopped` if a program ends before, or it takes longer than `seconds`."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise Stopped(f"{name} was not ready after {seconds:.0f} s:\n{self._end_of_log(name)}")
            time.sleep(0.1)

    def check(self) -> None:
        """Raises `Stopped` if a program has ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise Stopped(f"{name} ended with {process.returncode}:\n{self._end_of_log(name)}")

    def stop(self) -> None:
        """Stop all, those started last first. Nothing here keeps anything, so nobody gets long to say goodbye."""
        for process in reversed(self._running.values()):
            process.terminate()
        for process in reversed(self._running.values()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=2)
            process.kill()
            process.wait()
        self._running.clear()

    def _end_of_log(self, name: str) -> str:
        path = self._folder / f"{name}.log"
        return path.read_text("utf-8", "replace")[-3000:] if path.exists() else ""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, below those that the system gives to outgoing connections."""
    while True:
        port = random.randint(12000, 30000)
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port


def http_ok(url: str) -> bool:
    """Whether something answers there, and well."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
