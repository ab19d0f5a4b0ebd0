"""The jobs that bring a commit from one environment to the next, each once somebody has agreed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev import option
from mxdev.generator import Pattern
from mxdev_generators.ci import terraform, training
from mxdev_generators.ci.model import MX, Facts, Job
from mxdev_generators.names import environments
from mxdev_generators.project.naming import account_id

_PREFIX, _PREVIEW = "promote-", "preview-"
_TOKEN = "GOOGLE_OAUTH_ACCESS_TOKEN"  # noqa: S105  (a variable's name)


def _check(text: str) -> str | None:
    found = text.split(",")
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice:
        return f"{text!r} names {twice} twice"
    return next((why for name in found if name and (why := environments.check(name))), None)


NAMES = Pattern(
    rf"(?:{environments.FORM}(?:,{environments.FORM})*)?",
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
    """A job for each environment, after that of the one before it; the first after the images.

    Where CI applies Terraform, another one before it plans the environment's, which the promotion applies: whoever agrees has seen the plan.
    """
    found: list[Job] = []
    for name in facts.environments:
        after = found[-1].name if found else "image-run"
        cluster = training.cluster(facts, name)
        deploy = f'mx deploy --environment {name} --context "$(kubectl config current-context)" --yes'
        again = f"mx deploy -E {name}"
        title = f"Promote to {name}"
        if facts.cloud != "gcp" or facts.terraform != "apply":
            token = "GOOGLE_TOKEN" if facts.cloud == "gcp" else "KUBECONFIG_DATA"
            found.append(
                Job(
                    f"{_PREFIX}{name}", title, ("push",), (after,), 60, (*MX, *cluster), (deploy,), again, (token,),
                    ("mx", "cluster"),
                )
            )  # fmt: skip
            continue
        preview = Job(
            f"{_PREVIEW}{name}", f"Plan of {name}", ("push",), (after,), 20, terraform.INSTALL,
            terraform.planned(facts.name, name), f"mx infra plan -E {name}", (_TOKEN,), ("infrastructure",),
            terraform.files(name),
        )  # fmt: skip
        # The cluster is asked for afterwards: it may be what was applied.
        commands = (*terraform.applied(facts.name, name), *cluster, deploy)
        promote = Job(
            f"{_PREFIX}{name}", title, ("push",), (preview.name,), 60, (*terraform.INSTALL, *MX), commands,
            f"mx infra apply -E {name} && {again}", ("GOOGLE_TOKEN", _TOKEN), ("mx", "cluster", "infrastructure"),
        )  # fmt: skip
        found += [preview, promote]
    return tuple(found)


def environment(job: Job) -> str:
    """The environment that a job promotes to; empty: it promotes nothing."""
    return job.name.removeprefix(_PREFIX) if job.name.startswith(_PREFIX) else ""


def previewed(job: Job) -> str:
    """The environment whose plan a job makes before somebody agrees to promote to it; empty: it makes none."""
    return job.name.removeprefix(_PREVIEW) if job.name.startswith(_PREVIEW) else ""


def preview(environment: str) -> str:
    """The name of the job that makes the plan for an environment."""
    return f"{_PREVIEW}{environment}"


def role(job: Job) -> str:
    """The role of the account that a job has for Terraform; empty: it is not about that."""
    if "infrastructure" not in job.uses:
        return ""
    return terraform.PREVIEW if previewed(job) else "apply" if environment(job) else terraform.ROLES[job.name]


def account(values: Mapping[str, Any], environment: str, ci: str) -> str:
    """The id of the account that a CI acts as in an environment."""
    return account_id(f"{values['name']}-{environment}", ci)


def namespaces(values: Mapping[str, Any]) -> dict[str, str]:
    """For each environment's name in Terraform the environment."""
    return {f"{values['name']}-{name}": name for name in names(values)}
