"""`mx deploy` and `mx purge`: bring what devspace.yaml says to the cluster, and take it away again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from mxdev.steps.options import step_options

if TYPE_CHECKING:
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
    return _NAMES(_CONTEXT(TIMEOUT(function)))


@click.command("deploy")
@_options
@step_options()
def deploy(names: tuple[str, ...], context: str | None, timeout: int, mode: Mode) -> int:
    """Deploy NAMEs, deployments of devspace.yaml, or all of them.

    In the order in which the instances that made them require each other, by DevSpace; where that is not installed, by kubectl
    and Helm. It waits until the pods are ready, and says what each waits for. What is deployed already is left alone.

    \b
    Examples:
      mx deploy
      mx deploy train-infrastructure --timeout 1200
      mx deploy --dry-run
    """
    from mxdev.deploy import config, steps
    from mxdev.steps.runner import run_steps

    project = _project()
    found = config.chosen(config.read(project), names)
    place = place_of(project, context, timeout, found, json=mode.json)
    reached = steps.Reached(name="cluster", title="The cluster answers", place=place)
    return run_steps("mx deploy", [reached, *steps.deploy_steps(found, place, ("cluster",))], mode)


@click.command("purge")
@_options
@click.option("--volumes", is_flag=True, help="Also delete volumes and passwords, for good.")
@step_options(confirm=True)
def purge(names: tuple[str, ...], context: str | None, timeout: int, volumes: bool, mode: Mode) -> int:
    """Remove NAMEs, deployments of devspace.yaml, or all of them, from the cluster.

    Volumes and passwords stay, and the next deploy finds them again. --volumes deletes them too; then the project's name has to
    be typed, or given by --confirm.

    \b
    Examples:
      mx purge train-infrastructure
      mx purge --volumes --dry-run
    """
    from mxdev.deploy import config, steps
    from mxdev.steps.runner import run_steps

    project = _project()
    everything = config.read(project)
    found = config.chosen(everything, names) if names else list(everything)
    place = place_of(project, context, timeout, found, json=mode.json)
    reached = steps.Reached(name="cluster", title="The cluster answers", place=place)
    todo = steps.purge_steps(found, place, volumes=volumes, needs=("cluster",))
    return run_steps("mx purge", [reached, *todo], mode, word=str(project.options.get("name") or "purge"))


def _project() -> Project:
    from mxdev.project.project import Project, project_root

    return Project.load(project_root())


def place_of(
    project: Project, context: str | None, timeout: float, deployments: list[Deployment], *, json: bool
) -> Place:
    """Where a project is deployed, and how; that DevSpace is missing is said.

    Raises:
        MissingTool: DevSpace is there, and too old.
        MxError: the project says no name.
    """
    from mxdev.connect import target
    from mxdev.deploy import tools
    from mxdev.deploy.steps import Place
    from mxdev.system import console

    where = target.of(project)
    devspace = tools.has_devspace()
    if not devspace and deployments and not json:
        console.status("DevSpace is not on the PATH: kubectl and Helm do the same.")
    return Place(project.root, context or where.own, where.name, devspace, timeout)
