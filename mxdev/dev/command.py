"""`mx dev`: start the debug pod and work in it, until ^C."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mxdev.deploy.command import TIMEOUT
from mxdev.steps.options import step_options

if TYPE_CHECKING:
    from mxdev.deploy.steps import Place
    from mxdev.steps.runner import Mode

_PORT = 8888


@click.command("dev")
@click.option(
    "--context", metavar="NAME", help="The cluster, as kubectl knows it. Default: that of `mx connect`."
)
@TIMEOUT
@step_options()
def dev(context: str | None, timeout: int, mode: Mode) -> int:
    """Work in JupyterLab on the cluster, in the pod that DebugPod made.

    It starts the pod. Then DevSpace keeps the project's folder and the pod's in step, forwards the port and opens the browser, until
    ^C; without DevSpace, kubectl forwards the port, and files stay where they are. The pod stops by itself when nobody uses it.

    \b
    Examples:
      mx dev
      mx dev --dry-run
    """
    from mxdev.connect import target
    from mxdev.deploy import config, steps
    from mxdev.deploy.command import place_of
    from mxdev.dev.started import NAME, Started
    from mxdev.errors import UsageProblem
    from mxdev.project.project import Project, project_root
    from mxdev.steps.runner import run_steps

    project = Project.load(project_root())
    everything = config.read(project)
    if NAME not in [one.name for one in everything]:
        raise UsageProblem("The project has no debug pod.", hint="`mx generate DebugPod` brings one.")
    found = config.chosen(everything, [NAME])
    place = place_of(project.root, target.of(project), context, timeout, found, json=mode.json)
    todo = [
        steps.Reached(name="cluster", title="The cluster answers", place=place),
        *steps.deploy_steps(found, place, ("cluster",)),
        Started(
            name="debug-pod", title="The debug pod", needs=(f"deploy-{NAME}",), deployment=found[0], place=place,
            bills=("the pod's share of a node, with its GPU if it has one, until it stops",),
        ),
    ]  # fmt: skip
    code = run_steps("mx dev", todo, mode)
    if code or mode.dry_run or mode.json:
        return code
    return _by_devspace(place) if place.devspace else _by_kubectl(place)


def _by_devspace(place: Place) -> int:
    """Run `devspace dev` until ^C; its exit code."""
    import os

    from mxdev.deploy.tools import DEVSPACE
    from mxdev.errors import INTERRUPTED
    from mxdev.system import foreground, programs

    command = [*programs.find(DEVSPACE).command, "dev", "--kube-context", place.context]
    command += ["--namespace", place.namespace, "--no-warn"]
    ended = foreground.run(command, cwd=place.root, environ=dict(os.environ))
    return 0 if ended.interrupted and ended.code == INTERRUPTED else ended.code


def _by_kubectl(place: Place) -> int:
    """Forward JupyterLab's port until ^C."""
    import urllib.request

    from mxdev.cluster.forward import Forward
    from mxdev.cluster.kubectl import Kubectl
    from mxdev.system import console
    from mxdev.system.ports import check_port, free_port

    host = "127.0.0.1"
    port = free_port(host, _PORT)
    address = f"http://{host}:{port}"

    # No proxy stands between this machine and itself.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def answers() -> bool:
        try:
            with direct.open(f"{address}/api", timeout=5):
                return True
        except (OSError, ValueError):
            return False

    def up(_: float | None) -> None:
        console.err(f"open {address}/lab")

    console.warn("without DevSpace files are not kept in step. ^C ends it.")
    kubectl = Kubectl(place.context, place.namespace)
    forward = Forward(
        kubectl, "statefulset/debug", host, port, _PORT, answers, lambda: check_port(host, port)
    )
    try:
        forward.keep_up(up)
    except KeyboardInterrupt:
        return 0
    return 0
