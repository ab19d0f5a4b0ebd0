"""How CVAT is reached: at an address that is given, or in the project's cluster, through kubectl; and who logs in."""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from mxdev.errors import MxError, Refused
from mxdev.project.project import Project

SERVICE, PORT = "service/cvat-backend-service", 8080
SECRET = "cvat-superuser"  # noqa: S105 (the name of a Secret)
_HERE = "127.0.0.1"
_PATIENCE = 30.0


@contextmanager
def cvat(project: Project, url: str | None, context: str | None) -> Iterator[dict[str, Any]]:
    """The address of CVAT and a login: `CVAT_ACCESS_TOKEN`, or `CVAT_USERNAME` and `CVAT_PASSWORD`, or the cluster's Secret.

    Raises:
        Refused: the project has no cluster in which CVAT could be.
        MxError: there is no login, or the cluster has no CVAT.
    """
    login = _login()
    if url:
        if not login:
            raise MxError(
                f"Nothing says who logs in to {url}.",
                hint="Set CVAT_ACCESS_TOKEN, or CVAT_USERNAME and CVAT_PASSWORD.",
            )
        yield {"url": url, **login}
        return
    from mxdev.cluster.forward import Forward
    from mxdev.cluster.kubectl import Kubectl
    from mxdev.connect import target
    from mxdev.project import cloudless
    from mxdev.system.ports import check_port, free_port

    where = target.of(project)
    if way := cloudless.way_out({"cloud": where.cloud}):
        raise Refused("There is no CVAT of the project's own.", hint=f"--url names another one. {way}")
    kubectl = Kubectl(context or where.own, where.name)
    if not login:
        data = kubectl.json("get", "secret", SECRET)["data"]
        words = {name: base64.b64decode(data[name]).decode() for name in ("username", "password")}
        login = {"user": words["username"], "password": words["password"]}
    port = free_port(_HERE, 18080)
    forward = Forward(
        kubectl, SERVICE, _HERE, port, PORT,
        answers=lambda: _open(port), check_port=lambda: check_port(_HERE, port),
    )  # fmt: skip
    with ExitStack() as stack:
        try:
            stack.enter_context(forward.held(_PATIENCE))
        except MxError as problem:
            raise MxError(
                f"CVAT in the namespace {where.name} cannot be reached: {problem.message}", hint=problem.hint
            ) from problem
        yield {"url": f"http://{_HERE}:{port}", **login}


def _login() -> dict[str, str]:
    if token := os.environ.get("CVAT_ACCESS_TOKEN"):
        return {"token": token}
    user, password = os.environ.get("CVAT_USERNAME"), os.environ.get("CVAT_PASSWORD")
    return {"user": user, "password": password} if user and password else {}


def _open(port: int) -> bool:
    try:
        socket.create_connection((_HERE, port), timeout=1).close()
    except OSError:
        return False
    return True
