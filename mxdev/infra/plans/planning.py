"""Makes a plan, saves it and reads it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from mxdev.errors import Refused
from mxdev.infra.place import Place
from mxdev.infra.plans import changes, saved
from mxdev.infra.plans.changes import Plan
from mxdev.infra.plans.saved import Saved
from mxdev.infra.terraform import Say, Terraform


def make(
    terraform: Terraform,
    say: Say,
    *,
    destroy: bool = False,
    variables: tuple[str, ...] = (),
    targets: tuple[str, ...] = (),
) -> Plan:
    """Plan, and save the plan for `mx infra apply`.

    Args:
        terraform: in the project's folder.
        say: shows progress.
        destroy: plan to take everything down.
        variables: `name=value`, over what the .tfvars files say.
        targets: addresses that alone are planned; none: all.

    Raises:
        TerraformFailed: it failed; there is no saved plan then.
        KeyboardInterrupt: it was interrupted.
    """
    place = terraform.place
    path = saved.prepare(place)
    files = saved.digest(place)
    options: dict[str, Any] = {"var_file": list(place.values)}
    if destroy:
        options["destroy"] = True
    terraform.work("plan", say=say, out=str(path), var=list(variables), target=list(targets), **options)
    path.chmod(0o600)
    plan = show(terraform)
    saved.remember(place, files, destroys_all=destroy)
    return plan


def look(terraform: Terraform) -> Plan | None:
    """What an apply would change now; None: nothing. The saved plan stays as it is, and the state is not locked.

    Raises:
        TerraformFailed: it failed.
        MxError: Terraform could not be started, or hung.
    """
    # A plan may hold secrets: the folder is the person's own, and goes.
    with tempfile.TemporaryDirectory(prefix="mx-plan-") as folder:
        path = Path(folder) / "plan.tfplan"
        return changes.read(terraform.json("show", str(path))) if terraform.differs(path) else None


def show(terraform: Terraform) -> Plan:
    """The plan that is saved.

    Raises:
        MxError: Terraform cannot read it.
    """
    return changes.read(terraform.json("show", str(saved.plan_file(terraform.place))))


def fitting(place: Place) -> Saved:
    """The saved plan, which still fits the files; it may have been applied.

    Raises:
        Refused: there is none, or files have changed since.
    """
    found = saved.find(place)
    if found is None:
        raise Refused("There is no saved plan.", hint=place.commands("`mx infra plan` makes one."))
    if found.digest != saved.digest(place):
        raise Refused(
            f"Files in {place.shown('')} have changed since the plan of {found.made} was made, so it is not what they say.",
            hint=place.commands("`mx infra plan` makes a new one."),
        )
    return found
