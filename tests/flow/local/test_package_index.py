"""`--package-index`: packages come from there with a login that no file has, by the real uv from an index with a password."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flow_projects import mx
from test_flow_setup import package, root

from mxdev.artifacts.image import DOCKERFILE
from mxdev.environment import package_index, packages
from mxdev.errors import MxError
from mxdev.lint.configs import STYLE
from mxdev.testing import render, render_all, write

__all__ = ["root"]
USER, PASSWORD = "reader", "hunter2-of-the-index"
LOGIN = {"UV_INDEX_PRIVATE_USERNAME": USER, "UV_INDEX_PRIVATE_PASSWORD": PASSWORD}
URL = "https://pypi.example.com/simple/"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """A double of a package index with one package, `ours`, for whoever has the password; its address."""
    wheel = tmp_path / "ours-1.0-py3-none-any.whl"
    namespace: dict[str, Any] = {}
    source = package(tmp_path / "ours", "ours", "")
    exec((source / "backend.py").read_text(), namespace)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(source)
        namespace["build_wheel"](tmp_path)
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("Authorization") == f"Basic {token}"
            page = (
                f'<!DOCTYPE html><html><body><a href="/{wheel.name}">{wheel.name}</a></body></html>'.encode()
            )
            found = {"/simple/ours/": page, f"/{wheel.name}": wheel.read_bytes()}.get(self.path)
            self.send_response(401 if not known else 404 if found is None else 200)
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/zip")
            answer = found if known and found else b""
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/simple/"
    server.shutdown()
    server.server_close()


def of_index(address: str) -> str:
    """What a rendered pyproject.toml says of the index."""
    text = render("MLProjectSkeleton", name="m1", package_index=address).files["pyproject.toml"].data.decode()
    return text[text.index("[[tool.uv.index]]") : text.index("[tool.hatch")]


def test_the_setup_installs_from_it_and_says_what_lacks(root: Path, index: str) -> None:
    if packages.uv() is None:
        pytest.skip("uv is not installed")
    pyproject = root / "pyproject.toml"
    text = pyproject.read_text().replace("dependencies = [", 'dependencies = ["ours>=1", ', 1)
    pyproject.write_text(f"{text}\n{of_index(index)}")
    done = mx("flow", "run", "--setup", cwd=root)
    assert done.returncode != 0
    said = " ".join(done.stderr.split())
    assert f"{index} wants a login: set UV_INDEX_PRIVATE_USERNAME and UV_INDEX_PRIVATE_PASSWORD" in said
    done = mx("flow", "run", "--setup", cwd=root, **LOGIN)
    assert done.returncode == 0, done.stderr
    assert list((root / ".venv").rglob("site-packages/ours/__init__.py"))
    (root / "seen.json").unlink()  # the double of MLflow notes its environment there
    for path in root.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path
    assert PASSWORD not in done.stdout + done.stderr


def test_pip_is_not_asked_behind_its_back(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    package_index.check_pip(tmp_path, {})
    (tmp_path / "pyproject.toml").write_text(of_index(URL))
    package_index.check_pip(tmp_path, {"PIP_INDEX_URL": URL})
    with pytest.raises(MxError, match="of which pip does not know"):
        package_index.check_pip(tmp_path, {})


def test_only_what_an_index_refuses_is_a_matter_of_its_login(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(of_index(URL))
    assert package_index.remedy(tmp_path, f"401 Unauthorized for {URL}ours/")
    assert package_index.remedy(tmp_path, f"no version of ours at {URL}") is None
    assert package_index.remedy(tmp_path, "401 Unauthorized for https://pypi.org/simple/ours/") is None


def test_everything_rendered_knows_the_address_and_nothing_the_login(tmp_path: Path) -> None:
    tree = render("MLProjectSkeleton", name="m1", package_index=URL)
    write(tree, tmp_path)
    assert package_index.named(tmp_path) == {"private": URL}
    assert package_index.logins(tmp_path, {**LOGIN, "OTHER": "1"}) == list(LOGIN)
    dockerfile = tree.files[DOCKERFILE].data.decode()
    installs = dockerfile.count("uv pip install --system") + dockerfile.count("uv pip compile")
    assert installs == 4
    for name in LOGIN:
        assert dockerfile.count(f"--mount=type=secret,id={name.lower()} ") == installs
        assert dockerfile.count(f"{name}=$(cat /run/secrets/{name.lower()}) && export {name}") == installs
        # A secret that an ARG or an ENV had would be in the image.
        assert not [
            line for line in dockerfile.splitlines() if name in line and line.startswith(("ARG", "ENV"))
        ]
    container = json.loads(tree.files[".devcontainer/devcontainer.json"].data)
    assert container["build"]["options"] == [f"--secret=id={name.lower()},env={name}" for name in LOGIN]
    assert container["remoteEnv"] == {name: f"${{localEnv:{name}}}" for name in LOGIN}
    without = render("MLProjectSkeleton", name="m1")
    assert not [path for path, file in without.files.items() if b"UV_INDEX_PRIVATE" in file.data]


@pytest.mark.parametrize("generator", ["StreamlitApp", "SeldonDeployment", "BeamPipeline"])
def test_a_stage_that_a_generator_adds_logs_in_as_the_base_does(generator: str, tmp_path: Path) -> None:
    """An image that asks an index without its login, or another one in its place, cannot be built."""
    write(render_all(generator, name="demo", domain="ml.example.com", package_index=URL), tmp_path)
    stages = (tmp_path / DOCKERFILE).read_text().split("\nFROM ")
    installing = [stage for stage in stages if "uv pip install --system" in stage]
    assert len(installing) == 3  # base, dev and its own
    for stage in installing:
        first, *runs = stage.split("RUN --mount")
        assert f'ARG UV_INDEX="private={URL}"' in first.splitlines(), stage
        for run in runs:
            assert 'UV_INDEX="$(cat /run/secrets/uv_index) $UV_INDEX"' in run
            for name in LOGIN:
                assert f"--mount=type=secret,id={name.lower()} " in run
                assert f"{name}=$(cat /run/secrets/{name.lower()}) && export {name}" in run
    tool = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if tool is None:
        pytest.skip("hadolint is not installed")
    command = [tool, "--config", STYLE / "hadolint.yaml", tmp_path / DOCKERFILE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
