"""`mx flow ui` up to where MLflow starts."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from flow_projects import mx, project, with_environment

from mxdev.errors import MxError
from mxdev.system import ports


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return with_environment(project(tmp_path / "p"))


def test_a_configured_server_has_its_own_page(root: Path) -> None:
    done = mx("flow", "ui", cwd=root, MLFLOW_TRACKING_URI="https://me:secret@mlflow.example.com/")
    assert done.returncode == 0
    assert done.stdout == "https://mlflow.example.com\n"
    assert "secret" not in done.stderr


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_taken_port_names_who_has_it(family: socket.AddressFamily) -> None:
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    # A file that is closed while the process is looked at, as the listing of its files itself always is.
    gap = os.open(os.devnull, os.O_RDONLY)
    with socket.socket(family) as mine:
        os.close(gap)
        try:
            mine.bind((host, 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        mine.listen()
        port = mine.getsockname()[1]
        with pytest.raises(MxError) as problem:
            ports.check_port(host, port)
        text = str(problem.value)
        assert f"(process {os.getpid()})" in text
        assert f"`--port {port + 1}`" in text
        assert "\n" not in text
    ports.check_port(host, port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_ours(host: str) -> None:
    with pytest.raises(MxError, match="cannot be listened on"):
        ports.check_port(host, 5000)


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_what_is_no_port(root: Path, port: str) -> None:
    assert mx("flow", "ui", "--port", port, cwd=root).returncode == 2


def test_the_exit_code_of_a_server_that_fails(root: Path, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\n"
        """[ "$2" = -c ] && echo '{"executable": null, "version": "3.11.0", "prefix": "x", "venv": true,"""
        """ "mlflow": "1", "torch": null, "pip": null, "project": null, "origin": null}' && exit\n"""
        "exit 9\n"
    )
    python.chmod(0o755)
    done = mx("flow", "ui", "--port", "50873", "--python", str(python), cwd=root)
    assert done.returncode == 9, done.stderr
