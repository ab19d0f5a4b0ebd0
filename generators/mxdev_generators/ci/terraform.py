"""The jobs of `infrastructure/terraform`: its checks, and if that is wanted its plan and its application."""

from __future__ import annotations

from typing import Literal

import click

from mxdev import option
from mxdev_generators.ci.model import Facts, Job

FOLDER = "infrastructure/terraform"
PLAN, PLAN_FILE = "build/plan.txt", f"{FOLDER}/terraform.tfplan"
"""What a plan says, for people; and the plan itself, which is applied as it is."""
ENVIRONMENT = "terraform"
"""The environment of the job that applies: whoever must approve its jobs approves what is applied."""
OPTION = option(
    "--terraform", type=click.Choice(["check", "apply"]), default="check",
    help="check: CI looks at Terraform's form, types and tests; apply: it also plans, and applies what somebody approves.",
)  # fmt: skip
_VERSION = "1.11.4"
# Of the release for linux_amd64, as HashiCorp publishes it.
_SHA256 = "1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc"
_ZIP = "/tmp/terraform.zip"  # noqa: S108  (in the job's own container or machine)
INSTALL = (
    f"curl --fail --silent --show-error --location --output {_ZIP}"
    f" https://releases.hashicorp.com/terraform/{_VERSION}/terraform_{_VERSION}_linux_amd64.zip",
    f"echo '{_SHA256}  {_ZIP}' | sha256sum --check --quiet",
    f'python3 -m zipfile --extract {_ZIP} "$HOME/.local/bin" && chmod +x "$HOME/.local/bin/terraform"',
    'PATH="$HOME/.local/bin:$PATH"',
)
_TERRAFORM = f"terraform -chdir={FOLDER}"

Role = Literal["plan", "preview", "apply"]
ROLES: dict[str, Role] = {"terraform-plan": "plan", "terraform-apply": "apply"}
"""By job: the account that it acts as. An environment's are `preview`, which looks at all of them from the default branch, and `apply`."""
PREVIEW: Role = "preview"


def jobs(facts: Facts) -> tuple[Job, ...]:
    """The jobs; none where the project has no Terraform."""
    if facts.cloud != "gcp":
        return ()
    checks = (
        f"{_TERRAFORM} fmt -check -diff -recursive",
        # Without the state, so without anybody's rights.
        f"{_TERRAFORM} init -backend=false -input=false",
        f"{_TERRAFORM} validate",
        f"{_TERRAFORM} test",
    )
    check = Job("terraform", "Terraform", ("review", "push"), (), 20, INSTALL, checks, f"{_TERRAFORM} test")
    return (check, *_plan_and_apply()) if facts.terraform == "apply" else (check,)


def files(environment: str = "") -> tuple[str, str]:
    """What a plan says, for people, and the plan itself; of one of the project's environments, or of its first one."""
    return (
        (f"build/plan-{environment}.txt", f"{FOLDER}/{environment}.tfplan")
        if environment
        else (PLAN, PLAN_FILE)
    )


def planned(name: str = "", environment: str = "") -> tuple[str, ...]:
    """Commands that plan, and say what.

    Args:
        name: the project's name, below which the states of its environments lie.
        environment: one of them; empty: the first one.
    """
    said, plan = files(environment)
    file, values = (
        plan.removeprefix(f"{FOLDER}/"),
        f" -var-file=environments/{environment}.tfvars" if environment else "",
    )
    return (
        _init(name, environment),
        "CODE=0",
        # 2 stands for changes. Whoever may only look cannot lock.
        f"{_TERRAFORM} plan -detailed-exitcode -input=false -lock=false{values} -out={file} || CODE=$?",
        'test "$CODE" = 0 || test "$CODE" = 2',
        f"mkdir -p build && {_TERRAFORM} show -no-color {file} > {said}",
    )


def applied(name: str = "", environment: str = "") -> tuple[str, ...]:
    """Commands that apply a plan as it is; Terraform refuses one that the state has left behind."""
    plan = files(environment)[1].removeprefix(f"{FOLDER}/")
    return (_init(name, environment), f"{_TERRAFORM} apply -input=false {plan}")


def _init(name: str, environment: str) -> str:
    prefix = f" -backend-config=prefix={name}/{environment}" if environment else ""
    return f"{_TERRAFORM} init -input=false{prefix}"


def _plan_and_apply() -> tuple[Job, Job]:
    token = ("GOOGLE_OAUTH_ACCESS_TOKEN",)
    return (
        Job("terraform-plan", "Plan of Terraform", ("review", "push"), ("terraform",), 20, INSTALL, planned(),
            f"{_TERRAFORM} plan", token, ("infrastructure",), (PLAN, PLAN_FILE)),
        Job("terraform-apply", "Apply Terraform", ("push",), ("terraform-plan",), 60, INSTALL, applied(),
            f"{_TERRAFORM} apply", token, ("infrastructure",)),
    )  # fmt: skip
