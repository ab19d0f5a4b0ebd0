"""A form that a person sends to CVAT through the gateway: CVAT's rendered routes, and Django in the place of its server."""

from __future__ import annotations

import http.client
import json
import subprocess
from pathlib import Path
from typing import Any

import yaml
from control_plane.programs import free_port
from ml_environment import made
from real_edge import Edge

from mxdev.generator.tree import Tree
from mxdev.testing import text

DJANGO = "django==5.2.19"
BACKEND, FRONTEND = "cvat-backend-service", "cvat-frontend-service"
# What Google's load balancer says of a client that came by HTTPS: its address, the load balancer's own, and how it came.
LOAD_BALANCER = {"x-forwarded-for": "203.0.113.9, 198.51.100.1", "x-forwarded-proto": "https"}


class DjangoForm:
    """The process; listens at `address` on `port` for the hosts that the rendered chart's values allow. `stop` ends it."""

    def __init__(self, tree: Tree, address: str) -> None:
        self.name = BACKEND
        self.port = free_port()
        program = Path(__file__).with_name("django_program.py")
        command = [made("django", (DJANGO,)), program, address, str(self.port), allowed_hosts(tree)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def allowed_hosts(tree: Tree) -> str:
    """`ALLOWED_HOSTS` of the rendered chart's values."""
    [section] = [one.value for one in tree.sections if one.address == "deployments.cvat"]
    hosts: str = section["helm"]["values"]["cvat"]["backend"]["server"]["envs"]["ALLOWED_HOSTS"]
    return hosts


def routes(tree: Tree) -> list[dict[str, Any]]:
    """CVAT's VirtualServices and the policy of its audience."""
    paths = (f"infrastructure/kubernetes/cvat/{name}.yaml" for name in ("route", "backend_route"))
    items = [item for path in paths for item in yaml.safe_load_all(text(tree, path))]
    return [item for item in items if "istio.io" in item["apiVersion"]]


def opens(edge: Edge, host: str, token: str) -> bool:
    """Whether the form can be opened, which Django has nothing against however it is reached."""
    return _request(edge, "GET", {"Host": host, "x-goog-iap-jwt-assertion": token})[0] == 200


def sent(edge: Edge, host: str, token: str, said: dict[str, str]) -> int:
    """The status of a form that a browser opened by HTTPS and sends back with its cookie.

    Args:
        token: what Identity-Aware Proxy signed.
        said: the headers that the load balancer adds to a request.

    Raises:
        AssertionError: it could not even be opened.
    """
    headers = {"Host": host, "x-goog-iap-jwt-assertion": token, **said}
    status, cookie, body = _request(edge, "GET", headers)
    if status != 200:
        raise AssertionError(f"the form could not be opened: {status}")
    headers |= {"Cookie": cookie, "X-CSRFToken": json.loads(body)["token"]}
    headers |= {"Origin": f"https://{host}", "Referer": f"https://{host}/auth/login"}
    return _request(edge, "POST", headers)[0]


def _request(edge: Edge, method: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
    """Status, cookie and body of a request for CVAT's login."""
    connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=20)
    try:
        connection.request(method, "/api/auth/login", headers=headers)
        answer = connection.getresponse()
        return answer.status, (answer.headers["set-cookie"] or "").partition(";")[0], answer.read()
    finally:
        connection.close()
