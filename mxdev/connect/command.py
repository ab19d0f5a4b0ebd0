"""`mx connect`: log in to the project's cloud and cluster, under names of its own."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from mxdev.steps.options import ENVIRONMENT, step_options

if TYPE_CHECKING:
    from mxdev.connect.target import Target
    from mxdev.steps.runner import Mode


@click.command("connect")
@ENVIRONMENT
@click.option("--account", metavar="EMAIL", help="The Google account. Default: the one that is logged in.")
@click.option(
    "--context", metavar="NAME",
    help="A cluster of your own (--cloud existing): the context that it has in your kubeconfig.",
)  # fmt: skip
@click.option("--use", is_flag=True, help="Also make it your current gcloud configuration and context.")
@click.option("--print", "print_only", is_flag=True, help="Print what a shell does to connect; do nothing.")
@step_options()
def connect(
    environment: str | None, account: str | None, context: str | None, use: bool, print_only: bool, mode: Mode
) -> int:
    """Log in to the project's cloud and cluster.

    On Google Cloud: a gcloud configuration mx-NAME with account, project and region, and the cluster's credentials as the
    context mx-NAME. Your current configuration and context stay as they are; --use changes them. With a cluster of your own:
    the context mx-NAME, as the one that --context names. NAME is the project's, or with -E that of an environment's namespace.

    \b
    Examples:
      mx connect
      mx connect --use
      mx connect -E production
      mx connect --context company-cluster
      eval "$(mx connect --print)"
    """
    from mxdev.connect import steps, target
    from mxdev.errors import Refused, UsageProblem
    from mxdev.project import cloudless
    from mxdev.project.project import project_root
    from mxdev.steps.runner import run_steps

    where = target.load(project_root(), environment)
    if (way := cloudless.way_out({"cloud": where.cloud})) is not None:
        raise Refused("There is nothing to log in to.", hint=way)
    if where.cloud == "gcp" and context:
        raise UsageProblem(
            "--context is for a cluster of your own; this project's is on Google Cloud.",
            hint="Leave it out: gcloud is asked for the cluster.",
        )
    if where.cloud != "gcp" and account:
        raise UsageProblem("--account is for Google Cloud; this project runs on a cluster of your own.")
    if print_only:
        return _print(where, context)
    return run_steps(
        where.command("mx connect"), steps.steps_of(where, account=account, context=context, use=use), mode
    )


def _print(where: Target, context: str | None) -> int:
    """Print lines for a POSIX shell that connect it alone: its own configuration and its own kubeconfig."""
    from mxdev.connect.steps import cluster_arguments
    from mxdev.errors import UsageProblem
    from mxdev.system import console

    if where.cloud != "gcp":
        if not context:
            raise UsageProblem("Which cluster? --context NAME says it.")
        lines = [f'export KUBECONFIG="$HOME/.kube/{where.own}"']
        own = shlex.join(["kubectl", "config", "view", "--minify", "--flatten", f"--context={context}"])
        lines.insert(0, f'(umask 077; {own} > "$HOME/.kube/{where.own}")')
    else:
        create = shlex.join(["gcloud", "config", "configurations", "create", where.own, "--no-activate"])
        describe = shlex.join(["gcloud", "config", "configurations", "describe", where.own])
        get = shlex.join(
            [
                "gcloud",
                "container",
                "clusters",
                "get-credentials",
                *cluster_arguments(where),
                "--dns-endpoint",
            ]
        )
        setting = [
            shlex.join(["gcloud", "config", "set", *words, f"--configuration={where.own}"])
            for words in (("core/project", where.project_id), ("compute/region", where.region))
        ]
        lines = [
            f"{describe} >/dev/null 2>&1 || {create}",
            *setting,
            f"export CLOUDSDK_ACTIVE_CONFIG_NAME={where.own}",
            f'export KUBECONFIG="$HOME/.kube/{where.own}"',
            get,
        ]
    for line in lines:
        console.out(line, data=True)
    return 0
