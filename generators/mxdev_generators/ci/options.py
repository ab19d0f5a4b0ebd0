"""Options that every CI generator has, and what is made from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import click

from mxdev import option
from mxdev.freetext import reveal
from mxdev.generator import Option, Pattern
from mxdev_generators.ci import promotion
from mxdev_generators.ci.model import Facts
from mxdev_generators.images.table import for_python, image
from mxdev_generators.names.rules import package_name
from mxdev_generators.project.gpus import cluster_zone
from mxdev_generators.project.mx_source import MX_SOURCE, index, requirement
from mxdev_generators.project.naming import ACCOUNT_LENGTH, account_id
from mxdev_generators.project.package_index import NAME

_FIELD = r"(?:\*|[0-9]+(?:-[0-9]+)?)(?:/[0-9]+)?(?:,[0-9]+(?:-[0-9]+)?)*"
# Minute, hour, day of the month, month, day of the week (0 is Sunday).
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


def _check_schedule(text: str) -> str | None:
    for field, (least, most) in zip(text.split(), _BOUNDS, strict=False):
        # Behind a slash stands a step.
        numbers = [int(number) for number in re.findall(r"(?<![/0-9])[0-9]+", field)]
        if any(not least <= number <= most for number in numbers) or "/0" in field:
            return f"{text!r} is not a schedule: {field!r} is not within {least} and {most}"
    return None


SCHEDULE = Pattern(
    rf"(?:{_FIELD}(?: {_FIELD}){{4}})?",
    "five fields as in crontab ('17 3 * * 1' is Mondays at 3:17 UTC), or empty",
    metavar="CRON",
    check=_check_schedule,
)
BRANCH = Pattern(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9._-]+)*", "the name of a branch", metavar="BRANCH")
NUMBER = Pattern(r"[0-9]{1,19}", "the number of the repository, or 0 while there is none", metavar="NUMBER")

TRAIN_SCHEDULE = option(
    "--schedule", type=SCHEDULE, default="",
    help="When CI trains by itself, in UTC, as in crontab: '17 3 * * 1'; empty: never.",
)  # fmt: skip
WATCH_MINUTES = option(
    "--watch-minutes", type=click.IntRange(1, 330), default=30,
    help="For how many minutes CI follows a training that it has started; the training itself goes on.",
)  # fmt: skip


def common() -> tuple[Option, ...]:
    """The options that all CI generators have."""
    return (MX_SOURCE, TRAIN_SCHEDULE, WATCH_MINUTES, promotion.OPTION)


def publish_docs(where: str) -> Option:
    """The option that publishes documentation.

    Args:
        where: who can read it then.
    """
    return option(
        "--publish-docs",
        is_flag=True,
        help=f"Publish the documentation, {where}; otherwise it is kept as an artifact.",
    )


def environment(values: Mapping[str, Any]) -> dict[str, str]:
    """The variables that every job has, in every CI."""
    source = values["mx_source"]
    # Under its name uv knows the login of the project's own index.
    named = f"{NAME}=" if index(source) == values.get("package_index") else ""
    return {
        "MX_REQUIREMENT": requirement(source, values["mx_version"]),
        **({"UV_INDEX": f"{named}{index(source)}"} if index(source) else {}),
        # Jobs run without a GPU; PyTorch without CUDA is some 4 GB smaller.
        "UV_TORCH_BACKEND": "cpu",
    }


def cron(values: Mapping[str, Any]) -> str:
    """The schedule as text. Its spaces make it free text, but its form has been checked: digits and `*/,-`."""
    return str(reveal(values["schedule"]))


def python_image(values: Mapping[str, Any]) -> str:
    """The image that jobs run in: the Python of the project's own Dockerfile, with Git in it."""
    return image(for_python("python", values["python"]), values, short=True)


def facts(values: Mapping[str, Any], *, lint_report: str, publish_docs: bool, release: bool = False) -> Facts:
    """What the graph depends on, from the options of a generator and its project."""
    return Facts(
        name=values["name"],
        package=package_name(values["name"]),
        cloud=values["cloud"],
        location=cluster_zone(values) or values["region"],
        project_id=values["project_id"],
        lint_report=lint_report,
        release=release,
        schedule=bool(values["schedule"]),
        publish_docs=publish_docs,
        watch_minutes=values["watch_minutes"],
        terraform=values.get("terraform", "check"),
        environments=promotion.names(values),
    )


def image_registry(values: Mapping[str, Any]) -> str:
    """Where images go on Google Cloud."""
    return f"{values['region']}-docker.pkg.dev/{values['project_id']}/{values['name']}"


def own_registry(values: Mapping[str, Any]) -> str:
    """The registry that the project names for a cluster of its own; empty: none that a CI could reach."""
    named = str(values.get("registry") or "")
    return "" if values["cloud"] == "gcp" or named.partition("/")[0].startswith("localhost") else named


def python_registry(values: Mapping[str, Any]) -> str:
    """Where packages go on Google Cloud."""
    return f"https://{values['region']}-python.pkg.dev/{values['project_id']}/{values['name']}-python/"


def account(values: Mapping[str, Any], role: str) -> str:
    """The id of a CI's service account."""
    return account_id(values["name"], role)


def account_in_terraform(role: str) -> str:
    """The id of an account as HCL makes it, of any environment: as `account_id` does."""
    return f'"${{trimsuffix(substr(var.name, 0, {ACCOUNT_LENGTH - len(role) - 1}), "-")}}-{role}"'


def pool_in_terraform(role: str) -> str:
    """The id of a workload identity pool as HCL makes it: `gcp-` at the beginning is Google's own."""
    return f'replace({account_in_terraform(role)}, "/^gcp-/", "ci-")'


def account_email(values: Mapping[str, Any], role: str) -> str:
    """The address of a CI's service account."""
    return f"{account(values, role)}@{values['project_id']}.iam.gserviceaccount.com"
