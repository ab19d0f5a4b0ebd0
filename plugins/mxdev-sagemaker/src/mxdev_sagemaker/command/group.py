"""The commands of `mx sagemaker`: parse, call, print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click
from mxdev import Mode, step_options

from mxdev_sagemaker.names import PIPELINE

_BUCKET = click.option(
    "--bucket", metavar="NAME", envvar="MX_SAGEMAKER_BUCKET", show_envvar=True,
    help="The platform's bucket; by default what pipelines/NAME/settings.json says.",
)  # fmt: skip
_REGION = click.option("--region", metavar="REGION", help="The AWS region; by default what pipelines/NAME/settings.json says.")  # fmt: skip


@click.group()
def sagemaker() -> None:
    """Configure and start training pipelines on SageMaker; accept or refuse their models."""


@sagemaker.command(short_help="Show what a pipeline's configuration lacks.")
@click.argument("name", type=PIPELINE)
@click.argument("verb", type=click.Choice(["show", "set", "validate"]), default="show")
@click.argument("pairs", metavar="[KEY=VALUE]...", nargs=-1)
@_BUCKET
@_REGION
@step_options()
def config(
    name: str, verb: str, pairs: tuple[str, ...], bucket: str | None, region: str | None, mode: Mode
) -> int:
    """Show what the configuration of the pipeline NAME lacks, and who owes it; set keys; or validate it.

    \b
    show      every key with its value and its owner; the default
    set       give keys their values; text is taken as it is, all else is read as JSON
    validate  the same as show for a script: exit code 1 unless the pipeline may start

    \b
    Exit codes: 0 done, 1 not complete, 2 wrong usage, 4 AWS could not.
    Examples:
      mx sagemaker config churn
      mx sagemaker config churn set target=churned minimum_accuracy=0.85
    """
    from mxdev import run_steps
    from mxdev.errors import UsageProblem

    from mxdev_sagemaker.command import configuration, place

    where = place.find(name, bucket, region)
    found = configuration.read(where)
    if verb == "set":
        step = configuration.Set(
            name="configuration", title=f"Configuration of {name}", place=where, changes=configuration.parse(pairs, found)
        )  # fmt: skip
        return run_steps(f"mx sagemaker config {name} set", [step], mode)
    if pairs:
        raise UsageProblem(
            f"{verb} takes no KEY=VALUE.", hint=f"Did you mean `mx sagemaker config {name} set`?"
        )
    if mode.json:
        click.echo(
            json.dumps(
                {"version": 1, "complete": not found.problems, "keys": [_key(key) for key in found.keys]}
            )
        )
    else:
        _table(("KEY", "STATE", "OWNER", "VALUE"), [_row(key) for key in found.keys])
        for problem in found.problems:
            click.echo(problem)
        if not found.problems:
            click.echo(f"It is complete: mx sagemaker start {name}")
    return 1 if verb == "validate" and found.problems else 0


@sagemaker.command(short_help="Start a run of a pipeline now.")
@click.argument("name", type=PIPELINE)
@_BUCKET
@_REGION
@step_options()
def start(name: str, bucket: str | None, region: str | None, mode: Mode) -> int:
    """Start a run of the pipeline NAME now; refused until its configuration is complete.

    \b
    Exit codes: 0 started, 1 refused, 2 wrong usage, 4 AWS could not.
    Examples:
      mx sagemaker start churn --dry-run
      mx sagemaker start churn --yes
    """
    from datetime import UTC, datetime

    from mxdev import run_steps

    from mxdev_sagemaker.command import place
    from mxdev_sagemaker.command.start import Start

    run = f"mx-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    step = Start(name="start", title=f"Run of {name}", place=place.find(name, bucket, region), run=run)
    return run_steps(f"mx sagemaker start {name}", [step], mode)


@sagemaker.group(short_help="List, compare, accept or refuse models.")
def models() -> None:
    """List, compare, accept or refuse what the runs of a pipeline have registered."""


@models.command(name="list")
@click.argument("name", type=PIPELINE)
@_REGION
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def listing(name: str, region: str | None, as_json: bool) -> int:
    """List the versions of the pipeline's model, the newest first.

    \b
    Exit codes: 0 done, 2 wrong usage, 4 AWS could not.
    Example: mx sagemaker models list churn
    """
    from mxdev_sagemaker.command import packages, place

    where = place.find(name, None, region)
    found = [packages.describe(where, arn) for arn in packages.arns(where).values()]
    if as_json:
        click.echo(json.dumps({"version": 1, "models": [_package(one) for one in found]}))
        return 0
    if not found:
        click.echo(f"{name} has no versions yet.")
        return 0
    rows = [(str(one.version), one.word, one.created, _numbers(one.metrics), one.reason) for one in found]
    _table(("VERSION", "STATE", "REGISTERED", "METRICS", "WHY"), rows)
    return 0


@models.command()
@click.argument("name", type=PIPELINE)
@click.argument("version", type=click.IntRange(1))
@click.option(
    "--by-tests",
    is_flag=True,
    help="Let its automatic test decide: it is accepted, or refused with the reason.",
)
@click.option("--reason", default="", help="Why, for who reads the registry later.")
@_REGION
@step_options()
def accept(name: str, version: int, by_tests: bool, reason: str, region: str | None, mode: Mode) -> int:
    """Accept VERSION of the pipeline's model: the platform deploys it.

    \b
    Exit codes: 0 accepted, 1 its test refuses it, 2 wrong usage, 4 AWS could not.
    Examples:
      mx sagemaker models accept churn 3 --reason "better on new customers"
      mx sagemaker models accept churn 3 --by-tests --yes
    """
    from mxdev import run_steps

    from mxdev_sagemaker.command import decision, packages, place

    where = place.find(name, None, region)
    good, why = True, reason or "a person accepted it"
    if by_tests:
        said = decision.verdict(packages.version(where, version), packages.accepted(where))
        good, why = said.good, f"by its test: {said.reason}"
    status = decision.ACCEPTED if good else decision.REFUSED
    title = f"{name} {version}, {'accepted' if good else 'refused'}"
    step = decision.Decide(
        name="decision", title=title, place=where, number=version, status=status, reason=why
    )
    code = run_steps(f"mx sagemaker models accept {name} {version}", [step], mode)
    return code if good else code or 1


@models.command()
@click.argument("name", type=PIPELINE)
@click.argument("version", type=click.IntRange(1))
@click.option("--reason", required=True, help="Why; the registry keeps it.")
@_REGION
@step_options()
def refuse(name: str, version: int, reason: str, region: str | None, mode: Mode) -> int:
    """Refuse VERSION of the pipeline's model, with the reason.

    What is deployed already stays deployed: the repository of deployments takes it away.

    \b
    Exit codes: 0 refused, 2 wrong usage, 4 AWS could not.
    Example: mx sagemaker models refuse churn 3 --reason "trained on last year's prices"
    """
    from mxdev import run_steps
    from mxdev.errors import UsageProblem

    from mxdev_sagemaker.command import decision, place

    if not reason.strip():
        raise UsageProblem("--reason is empty.", hint="Say why, for who reads the registry later.")
    step = decision.Decide(
        name="decision", title=f"{name} {version}, refused", place=place.find(name, None, region),
        number=version, status=decision.REFUSED, reason=reason.strip(),
    )  # fmt: skip
    return run_steps(f"mx sagemaker models refuse {name} {version}", [step], mode)


@models.command(short_help="Compare the metrics of versions.")
@click.argument("name", type=PIPELINE)
@click.argument("versions", type=click.IntRange(1), nargs=-1)
@_REGION
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def compare(name: str, versions: tuple[int, ...], region: str | None, as_json: bool) -> int:
    """Compare the metrics of VERSIONS; without any, of the newest one and of the last that was accepted.

    A version that was measured beside the accepted one is compared with it on the same rows, as its automatic test does.
    Any others were measured on the rows of their own runs.

    \b
    Exit codes: 0 done, 2 wrong usage, 4 AWS could not.
    Examples:
      mx sagemaker models compare churn
      mx sagemaker models compare churn 2 3 5
    """
    from mxdev.errors import UsageProblem

    from mxdev_sagemaker.command import packages, place

    where = place.find(name, None, region)
    if versions:
        chosen = [packages.version(where, number) for number in dict.fromkeys(versions)]
    else:
        every = [packages.describe(where, arn) for arn in packages.arns(where).values()]
        accepted = [one for one in every if one.word == "accepted"]
        chosen = list({one.version: one for one in [*accepted[:1], *every[:1]]}.values())
    if len(chosen) < 2:
        raise UsageProblem(
            "There are not two versions to compare.",
            hint=f"See `mx sagemaker models list {name}`, and name two.",
        )
    measured = {one.version: packages.metrics(where, one) for one in chosen}
    newer = packages.beside(chosen)
    worse = sorted(filter(newer.worse, newer.before)) if newer else []
    if newer:
        measured[int(newer.measured_against or 0)] = newer.before
    if as_json:
        click.echo(
            json.dumps({"version": 1, "metrics": measured, "same_rows": newer is not None, "worse": worse})
        )
        return 0
    names = sorted({metric for found in measured.values() for metric in found})
    head = ("METRIC", *(f"{one.version} ({one.word})" for one in chosen))
    rows = [(metric, *(_number(measured[one.version].get(metric)) for one in chosen)) for metric in names]
    if newer:
        head, rows = (*head, ""), [(*row, "worse" if row[0] in worse else "") for row in rows]
    _table(head, rows)
    told = "" if newer else "Each version was measured on the rows of its own run."
    for one in chosen if not newer else ():
        if one.not_measured:
            told = f"Version {one.measured_against} could not be measured beside version {one.version}: {one.not_measured}"
    if told:
        click.echo(told, err=True)
    return 0


def _row(key: Any) -> tuple[str, str, str, str]:
    value = key.default if key.value is None else key.value
    return (
        key.name,
        key.state,
        key.owner,
        key.about if value is None else json.dumps(value, ensure_ascii=False),
    )


def _key(key: Any) -> dict[str, Any]:
    return {
        "name": key.name,
        "state": key.state,
        "owner": key.owner,
        "mandatory": key.mandatory,
        "value": key.value,
        "default": key.default,
        "problem": key.problem,
    }


def _package(one: Any) -> dict[str, Any]:
    return {
        "version": one.version,
        "state": one.word,
        "registered": one.created,
        "metrics": one.metrics,
        "reason": one.reason,
        "arn": one.arn,
    }


def _numbers(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in sorted(found.items()))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    lines = [head, *rows]
    wide = [max(len(line[at]) for line in lines) for at in range(len(head))]
    for line in lines:
        click.echo("  ".join(cell.ljust(wide[at]) for at, cell in enumerate(line)).rstrip())
