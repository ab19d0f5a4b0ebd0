"""The jobs that bring a commit from one environment to the next, each once somebody has agreed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev import option
from mxdev.generator import Pattern
from mxdev_generators.ci import training
from mxdev_generators.ci.model import MX, Facts, Job
from mxdev_generators.ml_project_skeleton.naming import account_id

_NAME = r"[a-z](?:[a-z0-9]|-(?!-)){0,18}[a-z0-9]"
_PREFIX = "promote-"


def _check(text: str) -> str | None:
    found = text.split(",")
    twice = next((name for name in found if found.count(name) > 1), None)
    return f"{text!r} names {twice} twice" if twice else None


NAMES = Pattern(
    rf"(?:{_NAME}(?:,{_NAME})*)?",
    "names of environments with commas between them, such as staging,production, or empty",
    metavar="NAMES",
    check=_check,
)
OPTION = option(
    "--environments", type=NAMES, default="", shared=True,
    help="The environments that a commit of the default branch is promoted through, in this order: staging,production; empty: none.",
)  # fmt: skip


def names(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The environments, in order."""
    return tuple(name for name in str(values.get("environments") or "").split(",") if name)


def jobs(facts: Facts) -> tuple[Job, ...]:
    """A job for each environment, after that of the one before it; the first after the images."""
    found: list[Job] = []
    for name in facts.environments:
        after = found[-1].name if found else "image-run"
        token = "GOOGLE_TOKEN" if facts.cloud == "gcp" else "KUBECONFIG_DATA"
        commands = (f'mx deploy --environment {name} --context "$(kubectl config current-context)" --yes',)
        found.append(
            Job(
                f"{_PREFIX}{name}", f"Promote to {name}", ("push",), (after,), 60,
                (*MX, *training.cluster(facts, name)), commands, f"mx deploy -E {name}", (token,), ("mx", "cluster"),
            )
        )  # fmt: skip
    return tuple(found)


def environment(job: Job) -> str:
    """The environment that a job promotes to; empty: it promotes nothing."""
    return job.name.removeprefix(_PREFIX) if job.name.startswith(_PREFIX) else ""


def account(values: Mapping[str, Any], environment: str, ci: str) -> str:
    """The id of the account that a CI acts as in an environment."""
    return account_id(f"{values['name']}-{environment}", ci)


def namespaces(values: Mapping[str, Any]) -> dict[str, str]:
    """For each environment's name in Terraform the environment."""
    return {f"{values['name']}-{name}": name for name in names(values)}
