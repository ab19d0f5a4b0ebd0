"""`mx check`, and `snitch`, which is the same without mx around it."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

import click

# Less than this is no time for any test, and is a slip.
_LEAST = 0.05


def _limit(_context: click.Context, _parameter: click.Parameter, seconds: float) -> float:
    if seconds and not seconds >= _LEAST:  # nan is neither
        raise click.BadParameter(f"{seconds:g} is no time: at least {_LEAST} seconds, or 0 for no limit.")
    return seconds


@click.command(name="check")
@click.argument("path", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-n",
    "--name",
    "model",
    metavar="MODEL",
    help="The model: its repository deploy-MODEL-model, in PATH or beside it.",
)
@click.option(
    "--list",
    "listing",
    is_flag=True,
    help="List the standards, and name those that no test covers; then stop.",
)
@click.option(
    "--image",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The built image's configuration, as `docker image inspect` or `crane config` prints it.",
)
@click.option("--online", is_flag=True, help="Also ask whether the addresses in the README answer.")
@click.option(
    "--junit", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write a JUnit report."
)
@click.option(
    "--sarif", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write a SARIF report."
)
@click.option(
    "--json",
    "as_json",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a JSON report.",
)
@click.option(
    "--timeout", type=click.FloatRange(min=0, max=1e6), default=600.0, show_default=True, metavar="SECONDS",
    envvar="MX_CHECK_TIMEOUT", show_envvar=True, callback=_limit,
    help="How long one test of a standard may take; 0: no limit.",
)  # fmt: skip
def check(
    path: Path, model: str | None, listing: bool, image: Path | None, online: bool,
    junit: Path | None, sarif: Path | None, as_json: Path | None, timeout: float,
) -> int:  # fmt: skip
    """Check a model's repository against the standards; nothing of it is run.

    PATH is the repository, by default the current folder. Waivers stand in its standards.yaml.

    \b
    Exit codes: 0 all are met or waived, 1 not all, 2 wrong usage, 4 a standard could not be checked.
    Examples:
      mx check
      mx check -n iris ~/src
      mx check --sarif findings.sarif
    """
    from mxdev_shipyard.standards import catalogue, waivers

    standards = catalogue.everything()
    if listing:
        for standard in standards:
            click.echo(
                f"{standard.number:>3}  {standard.title}{'' if standard.file else '  (no test covers it)'}"
            )
        return 0
    root = _named(path.resolve(), model) if model else path.resolve()
    waived = waivers.read(root, frozenset(standard.number for standard in standards))

    from mxdev_shipyard.standards import reports
    from mxdev_shipyard.standards.model import Repository
    from mxdev_shipyard.standards.run import run

    repository = Repository(root, image, online)
    today = datetime.datetime.now(datetime.UTC).date()
    code, results = run(repository, standards, waived, today=today, junit=junit, limit=timeout)
    for result in results:
        if result.outcome == "broken" and not result.test:
            click.echo(
                f"error: Standard {result.standard.number} was not checked: {result.message}", err=True
            )
    if any(result.outcome == "broken" for result in results) or code not in (0, 1):
        code = 4
    if sarif:
        _write(sarif, reports.as_sarif(standards, results))
    if as_json:
        _write(as_json, reports.as_json(repository, code, results))
    return code


def _write(path: Path, text: str) -> None:
    from mxdev.errors import UsageProblem

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageProblem(f"{path} cannot be written: {error.strerror}.") from error


def _named(folder: Path, model: str) -> Path:
    """The repository of a model: this folder, one in it, or one beside it.

    Raises:
        UsageProblem: there is none.
    """
    from mxdev.errors import UsageProblem

    from mxdev_shipyard.model_project.naming import model_of, repository_of

    name = repository_of(model)
    for place in (folder, folder / name, folder.parent / name):
        if place.name == name and place.is_dir():
            return place
    there = sorted(found for one in folder.iterdir() if (found := model_of(one.name)))
    raise UsageProblem(
        f"There is no folder {name} in {folder} or beside it.",
        hint=f"Models in it: {', '.join(there)}." if there else "Name the folder instead: `mx check PATH`.",
    )


def main() -> None:
    """`snitch`."""
    from mxdev.errors import MxError

    try:
        code = check.main(prog_name="snitch", standalone_mode=False)
    except MxError as error:
        click.echo(f"error: {error}", err=True)
        code = error.code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = 130
    sys.exit(code)
