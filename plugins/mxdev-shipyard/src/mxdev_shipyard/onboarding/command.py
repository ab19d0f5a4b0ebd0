"""`mx onboard` and `mx retire`."""

from __future__ import annotations

from pathlib import Path

import click
from mxdev import Mode, step_options

_SETTINGS = click.option(
    "--settings", "settings", type=click.Path(dir_okay=False, path_type=Path), default=Path("shipyard.yaml"), show_default=True,
    help="The platform's settings and its policy.",
)  # fmt: skip

_TRUST = click.option(
    "--trust",
    is_flag=True,
    help="Run the commands, and send tokens to the webhooks and the GitLab, that the settings name.",
)


@click.command()
@click.argument("values", type=click.Path(dir_okay=False, path_type=Path), nargs=-1, required=True)
@_SETTINGS
@_TRUST
@step_options()
def onboard(values: tuple[Path, ...], settings: Path, trust: bool, mode: Mode) -> int:
    """Bring a model on board, or several: one file of six fields for each.

    Each gets its registry, its place in the bucket, its project in GitLab with a first commit, and its manifest in each environment.
    Run again it changes nothing, and goes on where it was stopped.

    What `services` in the settings names is run, and sent tokens of the environment, with --trust only, in a dry run too. GITLAB_TOKEN is
    sent to the GitLab that GITLAB_HOST or, in a pipeline, CI_SERVER_URL names; to another one with --trust only.

    \b
    Exit codes: 0 done, 1 refused, 2 wrong usage, 4 AWS, GitLab or Git could not.
    Examples:
      mx onboard values.yml --dry-run
      mx onboard values.yml
    """
    from mxdev import run_steps
    from mxdev.errors import INTERRUPTED, MxError, UsageProblem

    from mxdev_shipyard.onboarding.settings import read as read_settings
    from mxdev_shipyard.onboarding.steps import onboarding
    from mxdev_shipyard.onboarding.token import check
    from mxdev_shipyard.onboarding.values import read

    if mode.json and len(values) > 1:
        raise UsageProblem("--json takes one file of values.", hint="Run it once for each.")
    platform, boardings = read_settings(settings), [read(path) for path in values]
    check(platform, trust=trust)
    code, failed = 0, list[MxError]()
    for path, boarding in zip(values, boardings, strict=True):
        try:
            code = run_steps(f"mx onboard {path}", onboarding(platform, boarding, trust=trust), mode)
        except MxError as error:
            # What is wrong with one model is no reason to leave the others.
            if len(values) == 1 or error.code == INTERRUPTED:
                raise
            click.echo(f"error: {path}: {error}", err=True)
            failed.append(error)
    if failed:
        raise MxError(f"{len(failed)} of {len(values)} were not onboarded.", code=failed[0].code)
    return code


@click.command()
@click.argument("values", type=click.Path(dir_okay=False, path_type=Path))
@_SETTINGS
@_TRUST
@click.option(
    "--delete-images", is_flag=True, help="Delete the registry with all images; otherwise they are kept."
)
@click.option(
    "--delete-weights", is_flag=True, help="Delete weights and data in the bucket; otherwise they are kept."
)
@step_options(confirm=True)
def retire(
    values: Path, settings: Path, trust: bool, delete_images: bool, delete_weights: bool, mode: Mode
) -> int:
    """Retire a model: its manifests are removed by commits, and its project is archived.

    VALUES is the file that it was onboarded with. Services are told, and another GitLab than GITLAB_TOKEN's own is, with --trust only, as in `mx onboard`.

    \b
    Exit codes: 0 done, 1 refused, 2 wrong usage, 4 AWS, GitLab or Git could not.
    Examples:
      mx retire values.yml --dry-run
      mx retire values.yml --delete-images --confirm iris
    """
    from mxdev import run_steps
    from mxdev.steps import taken_back

    from mxdev_shipyard.onboarding.settings import read as read_settings
    from mxdev_shipyard.onboarding.steps import retiring
    from mxdev_shipyard.onboarding.token import check
    from mxdev_shipyard.onboarding.values import read

    boarding, platform = read(values), read_settings(settings)
    check(platform, trust=trust)
    steps = retiring(platform, boarding, images=delete_images, weights=delete_weights, trust=trust)
    return run_steps(f"mx retire {values}", taken_back(steps), mode, word=boarding.project_slug)
