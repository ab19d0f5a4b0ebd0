"""A page as people see it who are logged in: Chromium, the rendered gateway, route and policy, and Streamlit."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import load_balancer
import pytest
import real_edge
import tokens
import yaml
from control_plane.control_plane import running
from test_streamlit_app import BROWSER, add, environment, healthy, in_its_pod, page_python, python, start  # noqa: F401

from mxdev.system.ports import free_port
from mxdev.testing import mx, render, render_all

HOST = "demo.churn-model.ml.example.com"
ANN, EVE = "ann@client.example", "eve@evil.example"
OPTIONS: dict[str, Any] = {
    "domain": "ml.example.com",
    "clients": (ANN,),
    "iap_audience": tokens.AUDIENCE,
}
ROUTE = "infrastructure/kubernetes/apps/demo/route.yaml"


def rendered() -> SimpleNamespace:
    """What the test depends on, for its note."""
    found = {}
    for one in render_all("StreamlitApp", name="demo", **OPTIONS).renderings:
        assert one.tree is not None
        found.update(one.tree.files)
    return SimpleNamespace(files=found, sections=())


@pytest.mark.noted(rendered, SimpleNamespace(__file__=BROWSER), load_balancer, real_edge, tokens)
def test_a_page_in_a_browser_through_the_edge(page_python: Path, tmp_path: Path) -> None:  # noqa: F811
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("chromium is not installed: `apt-get install chromium`")
    address = real_edge.own_address()
    project = start(tmp_path, "churn-model", "--domain=ml.example.com")
    add(project, "StreamlitApp", "demo", "--audience=clients")
    given = (f"DeploymentInfrastructure.iap-audience={tokens.AUDIENCE}", f"clients={ANN}")
    assert mx("set", *given, "--no-input", cwd=project).code == 0
    training = ("training.epochs=1", "training.device=cpu", "registry.registered_model_name=churn-model")
    done = python(page_python, project, "-m", "churn_model.trainer", *training)
    assert done.returncode == 0, done.stdout + done.stderr

    page = SimpleNamespace(name="demo", port=free_port(address, 18501))
    words, values = in_its_pod(project, "demo")
    command = [word.replace("{port}", str(page.port)).replace("{host}", address) for word in words]
    tree = render("DeploymentInfrastructure", name="churn-model", **OPTIONS)
    with contextlib.ExitStack() as stack:
        server = subprocess.Popen(
            [page_python, *command], cwd=project, env={**environment(project), **values},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        stack.callback(server.wait)
        stack.callback(server.terminate)
        plane = stack.enter_context(running(tmp_path / "plane", operators=()))
        edge = stack.enter_context(real_edge.edge(plane, tree, tmp_path))
        objects = yaml.safe_load_all((project / ROUTE).read_text("utf-8"))
        edge.apply(*real_edge.service(page, address, 8501), *objects)
        assert healthy(f"http://{address}:{page.port}", "/_stcore/health")
        edge.wait("the page", lambda: edge.status(HOST, edge.signer.token(ANN)) == 200)
        assert edge.status(HOST, edge.signer.token(EVE)) == 403

        found = load_balancer.LoadBalancerDouble(edge.port, edge.signer.token(ANN))
        stack.callback(found.stop)
        picture = tmp_path / "page.png"
        done = subprocess.run(
            [page_python, BROWSER, chromium, f"http://{HOST}:{found.port}/", picture],
            env={**os.environ, "BROWSER_RESOLVES": f"MAP {HOST} 127.0.0.1"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert found.websockets
    assert "Version 1 of churn-model" in done.stdout, done.stdout
    assert re.search(r"Version of the data\s+[0-9a-f]{64}", done.stdout), done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
