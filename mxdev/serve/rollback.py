"""`mx serve --rollback`: the version before is served again, by new pods."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mxdev.cluster.kubectl import Kubectl
from mxdev.connect.target import Target
from mxdev.deploy import readiness
from mxdev.errors import MxError
from mxdev.project import environments
from mxdev.serve.running import program
from mxdev.serve.served import FILE, Served
from mxdev.system import console, foreground

# Until new pods have loaded their model, in seconds.
PATIENCE = 900.0
_LOOK_EVERY = 2.0
_RESTARTED = "kubectl.kubernetes.io/restartedAt"


def run(
    root: Path,
    what: Served,
    where: Target,
    *,
    context: str | None,
    python: str | None,
    environ: Mapping[str, str],
) -> int:
    """Let the program say that the version before is the one to serve, and start the pods anew, which load it.

    Args:
        root: the project.
        what: a line of the table.
        where: the namespace and the cluster; the registry is that of its environment.
        context: another context than that of `mx connect`.
        python: `--python`.
        environ: the environment variables.

    Returns:
        the program's exit code if that is not 0: then nothing was restarted.

    Raises:
        MxError: there is no way back, the program cannot be started, or the new pods do not get ready.
        ClusterError: the cluster does not answer, or refuses.
    """
    if not what.rollback:
        raise MxError(
            f"{FILE} does not say how {what.name} goes back to the version before.",
            hint=f"That is for models: `rollback`, a list of words, in serve.{what.name}. `mx update` renders it where its generator knows it.",
        )
    found = program(
        root, what.rollback, python=python, environ=environ, environment=where.environment or None
    )
    ended = foreground.run(found.command, cwd=root, environ=found.variables)
    if ended.code:
        return ended.code
    if not found.store.is_server:
        said = "That was the registry on this machine: nothing changed on a cluster. `mx flow connect` reaches the registry there."
        console.status(environments.commands(said, where.environment or None))
        return 0
    restart(Kubectl(context or where.own, where.name), what, PATIENCE)
    return 0


def restart(kubectl: Kubectl, what: Served, patience: float) -> None:
    """New pods in place of those that serve `what`; returns when they are ready and the old ones are gone.

    Raises:
        MxError: they were not for `patience` seconds.
        ClusterError: the cluster does not answer, or refuses.
    """
    old = {pod["metadata"]["uid"] for pod in _pods(kubectl, what)}
    if not old:
        console.status(f"No pod serves {what.name} on the cluster: nothing was restarted.")
        return
    for deployment in _deployments(kubectl, what):
        kubectl.run("rollout", "restart", f"deployment/{deployment['metadata']['name']}")
    console.status(f"{what.name}: new pods load the model")
    until = time.monotonic() + patience
    while True:
        deployments, pods = _deployments(kubectl, what), _pods(kubectl, what)
        left = [pod["metadata"]["name"] for pod in pods if pod["metadata"]["uid"] in old]
        late = readiness.not_ready(deployments)
        if not left and not late:
            console.status(f"{what.name}: {len(pods)} new pods serve it")
            return
        if left and not late and not any(map(_marked, deployments)):
            # The engine's controller took the mark out of the template again, and its old pods went on.
            kubectl.run("delete", "pod", *left, "--wait=false")
        if time.monotonic() > until:
            raise MxError(
                f"{what.name}: the registry names the version before, and its pods are not all new: {'; '.join(late) or ', '.join(left)}.",
                hint="`mx doctor` says what they wait for.",
            )
        time.sleep(_LOOK_EVERY)


def _marked(deployment: Mapping[str, Any]) -> bool:
    return _RESTARTED in (deployment["spec"]["template"]["metadata"].get("annotations") or {})


def _pods(kubectl: Kubectl, what: Served) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = kubectl.json(
        "get", "pods", f"--selector=app.kubernetes.io/name={what.label}"
    )["items"]
    return found


def _deployments(kubectl: Kubectl, what: Served) -> list[dict[str, Any]]:
    """Those whose pods serve it: the engine gives them names and labels of its own."""
    return [
        one
        for one in kubectl.json("get", "deployments")["items"]
        if (one["spec"]["template"]["metadata"].get("labels") or {}).get("app.kubernetes.io/name")
        == what.label
    ]
