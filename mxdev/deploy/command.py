"""`mx deploy` and `mx purge`: bring what devspace.yaml says to the cluster, and take it away again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from mxdev.steps.options import ENVIRONMENT, step_options

if TYPE_CHECKING:
    from pathlib import Path

    from mxdev.connect.target import Target
    from mxdev.deploy.config import Deployment
    from mxdev.deploy.steps import Place
    from mxdev.project.project import Project
    from mxdev.steps.runner import Mode

_NAMES = click.argument("names", nargs=-1, metavar="[NAME]...")
_CONTEXT = click.option(
    "--context", metavar="NAME", help="The cluster, as kubectl knows it. Default: that of `mx connect`."
)
TIMEOUT = click.option(
    "--timeout", type=click.IntRange(1, 86400), default=600, show_default=True, metavar="SECONDS",
    help="How long one deployment may take.",
)  # fmt: skip


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    return _NAMES(ENVIRONMENT(_CONTEXT(TIMEOUT(function))))


@click.command("deploy")
@_options
@step_options()
def deploy(
    names: tuple[str, ...], environment: str | None, context: str | None, timeout: int, mode: Mode
) -> int:
    """Deploy NAMEs, deployments of devspace.yaml, or all of them.

    In the order in which the instances that made them require each other, by DevSpace; where that is not installed, by kubectl
    and Helm. It waits until the pods are ready, and says what each waits for. What is deployed already is left alone.
    With -E they go to that environment's namespace and cluster, made from the same files.

    \b
    Examples:
      mx deploy
      mx deploy train-infrastructure --timeout 1200
      mx deploy --dry-run
      mx deploy -E production
    """
    from mxdev.connect import target
    from mxdev.deploy import config, rewritten, steps
    from mxdev.steps.runner import run_steps

    project = _project()
    where, rendered = target.of(project, environment), rewritten.project(project, environment)
    found = config.chosen(config.read(rendered), names)
    place = place_of(rendered.root, where, context, timeout, found, json=mode.json)
    reached = steps.Reached(name="cluster", title="The cluster answers", place=place)
    return run_steps(
        where.command("mx deploy"), [reached, *steps.deploy_steps(found, place, ("cluster",))], mode
    )


@click.command("purge")
@_options
@click.option("--volumes", is_flag=True, help="Also delete volumes and passwords, for good.")
@step_options(confirm=True)
def purge(
    names: tuple[str, ...],
    environment: str | None,
    context: str | None,
    timeout: int,
    volumes: bool,
    mode: Mode,
) -> int:
    """Remove NAMEs, deployments of devspace.yaml, or all of them, from the cluster.

    Volumes and passwords stay, and the next deploy finds them again. --volumes deletes them too; then the project's name has to
    be typed, or given by --confirm. With -E it is that environment's that goes: on a cluster that environments share, what is
    installed for all of them stays unless it is named.

    \b
    Examples:
      mx purge train-infrastructure
      mx purge --volumes --dry-run
    """
    from mxdev.connect import target
    from mxdev.deploy import config, rewritten, steps
    from mxdev.steps.runner import run_steps

    project = _project()
    where, rendered = target.of(project, environment), rewritten.project(project, environment)
    everything = config.read(rendered)
    found = config.chosen(everything, names) if names else config.own(project, everything, where)
    place = place_of(rendered.root, where, context, timeout, found, json=mode.json)
    reached = steps.Reached(name="cluster", title="The cluster answers", place=place)
    todo = steps.purge_steps(found, place, volumes=volumes, needs=("cluster",))
    return run_steps(where.command("mx purge"), [reached, *todo], mode, word=where.name)


def _project() -> Project:
    from mxdev.project.project import Project, project_root

    return Project.load(project_root())


def place_of(
    root: Path,
    where: Target,
    context: str | None,
    timeout: float,
    deployments: list[Deployment],
    *,
    json: bool,
) -> Place:
    """Where a project is deployed, and how; that DevSpace is missing is said.

    Args:
        root: the folder with devspace.yaml: the project, or what was made of it for an environment.
        where: its cluster and its namespace.
        context: another context than that of `mx connect`.
        timeout: how many seconds one deployment may take.
        deployments: what it is about.
        json: whether nothing is said.

    Raises:
        MissingTool: DevSpace is there, and too old.
    """
    from mxdev.deploy import tools
    from mxdev.deploy.steps import Place
    from mxdev.system import console

    devspace = tools.has_devspace()
    if not devspace and deployments and not json:
        console.status("DevSpace is not on the PATH: kubectl and Helm do the same.")
    return Place(root, context or where.own, where.name, devspace, timeout, where.command("mx connect"))
