"""`mx promote`."""

from __future__ import annotations

from pathlib import Path

import click
from mxdev import Mode, step_options


@click.command()
@click.argument("model")
@click.option("--environment", required=True, metavar="NAME", help="Where it is released, such as staging.")
@click.option("--image", "tag", metavar="TAG", help="The image's tag.")
@click.option("--weights", metavar="PATH", help="The weights' path in S3, with the time of their training.")
@click.option("--back", is_flag=True, help="Go back to the release before, image and weights.")
@click.option(
    "--settings", "settings", type=click.Path(dir_okay=False, path_type=Path), default=Path("shipyard.yaml"), show_default=True,
    help="The platform's settings.",
)  # fmt: skip
@click.option("--trust", is_flag=True, help="Send GITLAB_TOKEN to whatever host the settings name.")
@step_options()
def promote(
    model: str, environment: str, tag: str | None, weights: str | None, back: bool, settings: Path, trust: bool, mode: Mode
) -> int:  # fmt: skip
    """Release a model in an environment, by a commit to its repository of manifests.

    Image and weights are looked for first. What is released already is left as it is. GITLAB_TOKEN is sent to the GitLab that GITLAB_HOST
    or, in a pipeline, CI_SERVER_URL names; to another one with --trust only.

    \b
    Exit codes: 0 done, 1 refused, 2 wrong usage, 4 AWS or Git could not.
    Examples:
      mx promote iris --environment staging --image 1.2.0 --weights s3://BUCKET/deploy-iris-model/models/2026-01-31T12:00:00Z
      mx promote iris --environment production --back
    """
    from mxdev import Step, run_steps
    from mxdev.errors import UsageProblem

    from mxdev_shipyard.model_project.naming import repository_of
    from mxdev_shipyard.onboarding.settings import read
    from mxdev_shipyard.onboarding.token import check
    from mxdev_shipyard.promotion.manifest import Release
    from mxdev_shipyard.promotion.release import Back, Promote, newest

    platform = read(settings)
    if environment not in platform.environments:
        raise UsageProblem(
            f"There is no environment {environment}.", hint=f"There are: {', '.join(platform.environments)}."
        )
    if back is bool(tag or weights) or (not back and not (tag and weights)):
        raise UsageProblem("Give --image and --weights, or --back.")
    check(platform, trust=trust)
    step: Step
    if back:
        step = Back(name="back", title=f"{model} in {environment}, the release before", settings=platform,
                    environment=environment, model=model, repository=repository_of(model),
                    from_commit=newest(platform.environments[environment], model))  # fmt: skip
    else:
        step = Promote(name="promote", title=f"{model} in {environment}", settings=platform, environment=environment,
                       model=model, repository=repository_of(model), release=Release(str(tag), str(weights)))  # fmt: skip
    return run_steps(f"mx promote {model}", [step], mode)
