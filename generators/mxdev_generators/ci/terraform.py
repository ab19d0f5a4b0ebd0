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

Role = Literal["plan", "apply"]
ROLES: dict[str, Role] = {"terraform-plan": "plan", "terraform-apply": "apply"}
"""By job: the account that it acts as."""


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


def _plan_and_apply() -> tuple[Job, Job]:
    token = ("GOOGLE_OAUTH_ACCESS_TOKEN",)
    init = f"{_TERRAFORM} init -input=false"
    plan = (
        init,
        "CODE=0",
        # 2 stands for changes. Whoever may only look cannot lock.
        f"{_TERRAFORM} plan -detailed-exitcode -input=false -lock=false -out=terraform.tfplan || CODE=$?",
        'test "$CODE" = 0 || test "$CODE" = 2',
        f"mkdir -p build && {_TERRAFORM} show -no-color terraform.tfplan > {PLAN}",
    )
    apply = (init, f"{_TERRAFORM} apply -input=false terraform.tfplan")
    return (
        Job("terraform-plan", "Plan of Terraform", ("review", "push"), ("terraform",), 20, INSTALL, plan,
            f"{_TERRAFORM} plan", token, ("infrastructure",), (PLAN, PLAN_FILE)),
        Job("terraform-apply", "Apply Terraform", ("push",), ("terraform-plan",), 60, INSTALL, apply,
            f"{_TERRAFORM} apply", token, ("infrastructure",)),
    )  # fmt: skip
