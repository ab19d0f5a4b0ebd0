"""`mx feedback`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from mxdev import Mode, step_options

if TYPE_CHECKING:
    from mxdev_shipyard.feedback.store import Store

_SETTINGS = click.option(
    "--settings", "settings", type=click.Path(dir_okay=False, path_type=Path), default=Path("shipyard.yaml"), show_default=True,
    help="The platform's settings.",
)  # fmt: skip


@click.group()
def feedback() -> None:
    """Bring predictions that were served back into the data set, corrected by people."""


@feedback.command(short_help="Write sampled predictions without a label.")
@click.argument("model")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--most", type=click.IntRange(1), default=200, show_default=True, help="So many rows at most.")
@_SETTINGS
def collect(model: str, file: Path, most: int, settings: Path) -> int:
    """Write the sampled predictions of MODEL that have no label yet into FILE, the least certain first.

    A person fills the column `label`; what stays empty is no label.

    \b
    Examples:
      mx feedback collect iris to-label.csv
    """
    from mxdev.errors import Refused

    from mxdev_shipyard.feedback.table import to_label

    if file.exists():
        raise Refused(
            f"{file} is there already.", hint="Somebody may have labelled in it: name another file."
        )
    store = _store(settings, model)
    known = [instance for table in store.labels().values() for instance, _ in table.rows]
    text = to_label(store.predictions(), known, most)
    file.write_text(text, "utf-8")
    click.echo(f"{text.count(chr(10)) - 1} to label in {file}")
    return 0


@feedback.command(short_help="Bring corrected labels back in.")
@click.argument("model")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_SETTINGS
@step_options()
def add(model: str, file: Path, settings: Path, mode: Mode) -> int:
    """Bring the labels in FILE back in, for the next version of the data set of MODEL.

    \b
    Examples:
      mx feedback add iris to-label.csv
    """
    from mxdev import run_steps
    from mxdev.errors import UsageProblem

    from mxdev_shipyard.feedback.steps import Labelled
    from mxdev_shipyard.feedback.table import parse_labels

    labels = parse_labels(file.read_text("utf-8"), str(file))
    if not labels.rows:
        raise UsageProblem(f"{file} has no label.", hint="Fill the column `label`.")
    step = Labelled(name="labels", title=f"Labels of {model}", store=_store(settings, model), labels=labels)
    return run_steps(f"mx feedback add {model}", [step], mode)


@feedback.command(short_help="Make a version of the data set.")
@click.argument("model")
@_SETTINGS
@step_options()
def dataset(model: str, settings: Path, mode: Mode) -> int:
    """Make a version of the data set of MODEL: the newest one with all labels that people gave.

    \b
    Examples:
      mx feedback dataset iris --dry-run
      mx feedback dataset iris
    """
    import datetime

    from mxdev import run_steps

    from mxdev_shipyard.experiment.training import TIME
    from mxdev_shipyard.feedback.steps import DataSet

    version = datetime.datetime.now(datetime.UTC).strftime(TIME)
    step = DataSet(
        name="dataset", title=f"Data set of {model}", store=_store(settings, model), version=version
    )
    return run_steps(f"mx feedback dataset {model}", [step], mode)


@feedback.command(short_help="Print where the newest version is.")
@click.argument("model")
@_SETTINGS
def latest(model: str, settings: Path) -> int:
    """Print where the newest version of the data set of MODEL is, as variables for `mx experiment train` and for pipelines.

    \b
    Examples:
      mx feedback latest iris
    """
    from mxdev.errors import MxError

    from mxdev_shipyard.feedback.store import EVALUATION, TRAINING

    store = _store(settings, model)
    versions = store.versions()
    if not versions:
        raise MxError(f"There is no version of a data set at {store.at('data')}.")
    click.echo(f"TRAINING={store.at(f'data/{versions[0]}/{TRAINING}')}")
    click.echo(f"EVALUATION={store.at(f'data/{versions[0]}/{EVALUATION}')}")
    return 0


def _store(settings: Path, model: str) -> Store:
    from mxdev_shipyard.feedback.store import Store
    from mxdev_shipyard.model_project.naming import repository_of
    from mxdev_shipyard.onboarding.settings import read

    return Store(read(settings), repository_of(model))
