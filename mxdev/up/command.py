"""`mx up` and `mx down`: all stages in order, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mxdev.deploy.command import TIMEOUT
from mxdev.steps.options import ENVIRONMENT, step_options
from mxdev.up import STAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxdev.steps.model import Step
    from mxdev.steps.runner import Mode
    from mxdev.up.stages import Way


@click.command("up")
@ENVIRONMENT
@click.option(
    "--to", type=click.Choice(STAGES), default="check", show_default=True, help="The last stage to go to."
)
@click.option("--account", metavar="EMAIL", help="The Google account, as for `mx connect`.")
@click.option("--context", metavar="NAME", help="A cluster of your own, as for `mx connect`.")
@TIMEOUT
@step_options(confirm=True)
def up(
    environment: str | None, to: str, account: str | None, context: str | None, timeout: int, mode: Mode
) -> int:
    """Bring the whole project up: preflight, infra, connect, deploy, plugins, check.

    What holds already is skipped. Stopped anywhere, by ^C, a crash or a lost network, it goes on from there when it is run
    again, because it asks the world and keeps no record. It asks before what costs money. With -E it is one of the project's
    environments that comes up, and no other is touched.
    The stage `plugins` is what plugins add; a project that deploys nothing but what they add has only that stage.

    Terraform, with --dry-run too, runs the providers and data sources that the .tf files name, and a deployment its hooks.

    \b
    Examples:
      mx up --dry-run
      mx up --to infra
      mx up -E staging
      mx up --context company-cluster
    """
    from mxdev.deploy import rewritten
    from mxdev.doctor.edge import owed
    from mxdev.project import environments
    from mxdev.project.project import Project, project_root
    from mxdev.steps.runner import run_steps
    from mxdev.system import console
    from mxdev.up import plugged, stages

    root = project_root()
    added = plugged.steps(root, environment)
    if added and plugged.alone(root):
        title, reached = (
            environments.command("mx up", environment),
            STAGES.index(to) >= STAGES.index("plugins"),
        )
        return run_steps(title, added if reached else [], mode, word=plugged.word(root))
    way = _way(environment, account, context, timeout, mode, added, every=False)
    with stages.alone(way, dry_run=mode.dry_run):
        code = run_steps(way.target.command("mx up"), stages.steps_up(way, to), mode, word=way.target.name)
    if not mode.json:
        for one in owed(rewritten.project(Project.load(root), environment)):
            console.err(f"Left for a person to do: {one.what}\n  {one.how}")
        console.err(f"`{way.target.command('mx down')}` takes it down again.")
    return code


@click.command("down")
@ENVIRONMENT
@click.option("--with-data", is_flag=True, help="Also delete buckets, volumes and passwords, for good.")
@TIMEOUT
@step_options(confirm=True)
def down(environment: str | None, with_data: bool, timeout: int, mode: Mode) -> int:
    """Take down what mx brought up: what plugins added, deployments, infrastructure, the connection.

    Data stays unless --with-data is given, and with -E every other environment; what survives is listed, with the command for each. The project's name has to be
    typed before something is lost, or given by --confirm.

    \b
    Examples:
      mx down --dry-run
      mx down --confirm churn-model
    """
    from mxdev.project import environments
    from mxdev.project.project import project_root
    from mxdev.steps.runner import run_steps, taken_back
    from mxdev.system import console
    from mxdev.up import plugged, stages

    root = project_root()
    added = plugged.steps(root, environment)
    if added and plugged.alone(root):
        return run_steps(
            environments.command("mx down", environment), taken_back(added), mode, word=plugged.word(root)
        )
    way = _way(environment, None, None, timeout, mode, added, every=True)
    with stages.alone(way, dry_run=mode.dry_run):
        steps = stages.steps_down(way, with_data=with_data)
        code = run_steps(way.target.command("mx down"), steps, mode, word=way.target.name)
    if not mode.json:
        console.out("What stays, and how it is removed:")
        for what, command in stages.survivors(way, with_data=with_data):
            console.out(f"  {what}: {command}")
    return code


def _way(
    environment: str | None,
    account: str | None,
    context: str | None,
    timeout: int,
    mode: Mode,
    added: Sequence[Step],
    *,
    every: bool,
) -> Way:
    from mxdev.connect import target
    from mxdev.deploy import config, rewritten
    from mxdev.deploy.command import place_of
    from mxdev.infra import place as terraform
    from mxdev.project.project import Project, project_root
    from mxdev.up.stages import Way

    root = project_root()
    project = Project.load(root)
    where, rendered = target.of(project, environment), rewritten.project(project, environment)
    everything = config.read(rendered)
    found = config.own(project, everything, where) if every else config.chosen(everything, [])
    place = place_of(rendered.root, where, None, timeout, found, json=mode.json)
    infra = terraform.find(root, environment) if where.cloud == "gcp" else None
    shared = [one for one in everything if every and one not in found]
    return Way(where, infra, found, place, account, context, shared, added)
