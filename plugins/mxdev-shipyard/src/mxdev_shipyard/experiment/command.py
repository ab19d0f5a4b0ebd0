"""`mx experiment`."""

from __future__ import annotations

from pathlib import Path

import click
from mxdev import Mode, step_options

_SETTINGS = click.option(
    "--settings", "settings", type=click.Path(dir_okay=False, path_type=Path), default=Path("shipyard.yaml"), show_default=True,
    help="The platform's settings.",
)  # fmt: skip
_PYTHON = click.option(
    "--python", default="python", show_default=True, metavar="PROGRAM", help="The model's interpreter."
)


@click.group()
def experiment() -> None:
    """Train a model outside of any release, keep its weights, and compare them with those that run."""


@experiment.command(short_help="Train a model in the current folder.")
@click.argument("model")
@click.option("--training", required=True, metavar="FILE", help="The training set: a path, or s3://….")
@click.option("--evaluation", required=True, metavar="FILE", help="The evaluation set: a path, or s3://….")
@click.option("--weights", metavar="PATH", help="Weights to go on from: s3://…/models/TIME, or a file.")
@click.option("--architecture", default="", metavar="NAME", help="What the model is, for the registry.")
@click.option("--author", default="", metavar="EMAIL", help="Who answers for it, for the registry.")
@_PYTHON
@_SETTINGS
def train(
    model: str, training: str, evaluation: str, weights: str | None, architecture: str, author: str, python: str, settings: Path,
) -> int:  # fmt: skip
    """Train MODEL in the current folder by its own train.py and evaluate.py, into the folder experiment/.

    \b
    Examples:
      mx experiment train iris --training datasets/training.csv --evaluation datasets/evaluation.csv
      mx experiment train iris --training s3://BUCKET/deploy-iris-model/data/2026-01-31T12:00:00Z/training.csv --evaluation …
    """
    from mxdev_shipyard.experiment import training as trainings
    from mxdev_shipyard.onboarding.settings import read

    metrics = trainings.train(
        model, training=training, evaluation=evaluation, start=weights, region=read(settings).region, python=python,
        root=Path.cwd(), architecture=architecture, author=author,
    )  # fmt: skip
    for name, value in metrics.items():
        click.echo(f"{name}: {value}")
    return 0


@experiment.command(short_help="Store the weights of the last training.")
@_SETTINGS
@step_options()
def store(settings: Path, mode: Mode) -> int:
    """Store the weights of the last training under its time, and say in the registry what the model is.

    \b
    Examples:
      mx experiment store --dry-run
      mx experiment store
    """
    from mxdev import run_steps

    from mxdev_shipyard.experiment.steps import steps
    from mxdev_shipyard.experiment.training import read_record
    from mxdev_shipyard.model_project.naming import repository_of
    from mxdev_shipyard.onboarding.settings import read

    root = Path.cwd()
    record = read_record(root)
    made = steps(read(settings), record, repository_of(record.model), root)
    return run_steps("mx experiment store", made, mode)


@experiment.command(short_help="Compare the last training with what runs.")
@click.argument("model")
@click.option(
    "--environment",
    default="production",
    show_default=True,
    metavar="NAME",
    help="Where the other weights run.",
)
@click.option("--metric", metavar="NAME", help="Exit with 1 if the new weights are worse by this metric.")
@_PYTHON
@_SETTINGS
@click.option("--trust", is_flag=True, help="Send GITLAB_TOKEN to whatever host the settings name.")
def compare(
    model: str, environment: str, metric: str | None, python: str, settings: Path, trust: bool
) -> int:  # fmt: skip
    """Compare the weights of the last training with those that run, on the same data.

    GITLAB_TOKEN is sent to the GitLab that GITLAB_HOST or, in a pipeline, CI_SERVER_URL names; to another one with --trust only.

    \b
    Exit codes: 0 compared, 1 worse by --metric, 2 wrong usage, 4 a program, AWS or Git failed.
    Examples:
      mx experiment compare iris
      mx experiment compare iris --metric f1
    """
    from mxdev.errors import UsageProblem

    from mxdev_shipyard.experiment.compare import compare as compared
    from mxdev_shipyard.experiment.training import FOLDER
    from mxdev_shipyard.onboarding.settings import read
    from mxdev_shipyard.onboarding.token import check

    platform, root = read(settings), Path.cwd()
    if environment not in platform.environments:
        raise UsageProblem(
            f"There is no environment {environment}.", hint=f"There are: {', '.join(platform.environments)}."
        )
    check(platform, trust=trust)
    found = compared(platform, model, environment, python=python, root=root)
    (root / FOLDER / "comparison.md").write_text(found.table(), "utf-8")
    (root / FOLDER / "metrics.txt").write_text(found.openmetrics(), "utf-8")
    click.echo(found.table(), nl=False)
    if metric and found.worse(metric):
        click.echo(f"The new weights are worse by {metric}.", err=True)
        return 1
    return 0
