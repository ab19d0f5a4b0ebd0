"""`mx infra`: plan, apply and destroy what Terraform makes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from mxdev.steps.options import ENVIRONMENT, step_options

if TYPE_CHECKING:
    from mxdev.infra.place import Place
    from mxdev.infra.plans.changes import Plan
    from mxdev.infra.terraform import Terraform
    from mxdev.steps import Mode

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group("infra")
def infra() -> None:
    """Plan, apply and destroy what Terraform makes, in infrastructure/terraform.

    \b
    The first time:
      mx infra init     switches on Google's services, makes the bucket of the state, runs terraform init
      mx infra plan     shows what would be made, and saves it
      mx infra apply    does exactly that

    Terraform, its providers, and what a `local-exec` in a .tf file names run with your rights.
    """


@infra.command("init")
@ENVIRONMENT
@step_options()
def init(environment: str | None, mode: Mode) -> int:
    """Make what Terraform needs before it can plan.

    The Google services that the .tf files name, the bucket of Terraform's state (versioned, never public, rights by roles
    only), and `terraform init`. What is there already is left as it is. Commit the .terraform.lock.hcl that comes of it.

    \b
    Examples:
      mx infra init --dry-run
      mx infra init --yes
    """
    from mxdev.infra import ready
    from mxdev.steps import run_steps

    place = _place(environment)
    return run_steps(place.command("init"), ready.steps(place), mode)


@infra.command("plan", short_help="Show what would change, and save the plan.")
@ENVIRONMENT
@click.option("--target", "targets", multiple=True, metavar="ADDRESS", help="Only this, and what it needs. May be repeated.")  # fmt: skip
@click.option(
    "--destroy", is_flag=True, help="Plan to take everything down, without deletion protection being lifted."
)
@click.option(
    "--all", "every", is_flag=True, help="A line for each resource, also where many of a type are created."
)
@_JSON
def plan(environment: str | None, targets: tuple[str, ...], destroy: bool, every: bool, as_json: bool) -> int:
    """Show what would be made, changed and destroyed, and save it for `mx infra apply`.

    Each line is a resource; behind one that is changed or replaced stands why. What is destroyed is red, and data that would
    be lost is named. The saved plan lies beside Terraform's own data, readable by you alone: plans hold secrets.
    """
    from mxdev.infra.plans import planning, saved, show
    from mxdev.system import console

    place = _place(environment)
    with saved.alone(place):
        made = planning.make(_terraform(place), console.status, destroy=destroy, targets=targets)
    outcome = "nothing" if made.nothing else "planned"
    if as_json:
        console.out(show.plan_json(made, outcome))
        return 0
    show.plan(made, every=every)
    if not made.nothing:
        said = "Saved. `mx infra apply` does exactly this; `mx infra cost` says what of it is billed."
        console.status(place.commands(said))
    return 0


@infra.command("apply")
@ENVIRONMENT
@step_options(confirm=True)
def apply(environment: str | None, mode: Mode) -> int:
    """Do exactly what `mx infra plan` saved.

    It refuses when a file has changed since, or the state. It asks before what costs money; where data would be lost, the
    project's name has to be typed.

    \b
    Examples:
      mx infra apply
      mx infra apply --yes                      # in a pipeline
      mx infra apply --yes --confirm churn      # also where data is lost
    """
    from mxdev.infra.applying import SavedPlan
    from mxdev.infra.plans import saved
    from mxdev.steps import run_steps

    place = _place(environment)
    step = SavedPlan(name="apply", title="The saved plan", place=place)
    with saved.alone(place, dry_run=mode.dry_run):
        return run_steps(place.command("apply"), [step], mode, word=place.name)


@infra.command("destroy")
@ENVIRONMENT
@click.option("--with-data", is_flag=True, help="Buckets, too, with all that is in them, for good.")
@step_options(confirm=True)
def destroy(environment: str | None, with_data: bool, mode: Mode) -> int:
    """Take down what Terraform made.

    Deletion protection is lifted first, of what has it. Buckets stay, and leave Terraform's state, unless --with-data is
    given. Everything else goes, once the project's name has been typed. The bucket of the state stays in any case, and disks
    that Kubernetes made are not Terraform's to remove.
    """
    from mxdev.infra import applying
    from mxdev.infra.plans import saved
    from mxdev.steps import run_steps

    place = _place(environment)
    steps = applying.destroying(place, with_data=with_data)
    with saved.alone(place, dry_run=mode.dry_run):
        return run_steps(place.command("destroy"), steps, mode, word=place.name)


@infra.command("output", short_help="Print the outputs, or one of them.")
@ENVIRONMENT
@click.argument("name", required=False)
@_JSON
def output(environment: str | None, name: str | None, as_json: bool) -> int:
    """Print the outputs, or the one called NAME, which is printed as it is, secret or not."""
    from mxdev.errors import Refused
    from mxdev.infra.plans import show
    from mxdev.system import console

    place = _place(environment)
    values: dict[str, Any] = _terraform(place).json("output")
    if name is not None and name not in values:
        there = ", ".join(sorted(values)) or "none"
        raise Refused(
            f"There is no output called {name}.",
            hint=place.commands(f"There are: {there}. `mx infra apply` makes them."),
        )
    if name is not None:
        value = values[name].get("value")
        console.out(value if isinstance(value, str) and not as_json else json.dumps(value), data=True)
    elif as_json:
        console.out(json.dumps({key: one.get("value") for key, one in values.items()}), data=True)
    elif values:
        show.outputs(values)
    else:
        console.status("There are no outputs: nothing has been applied yet.")
    return 0


@infra.command("unlock", short_help="Remove a lock of the state.")
@ENVIRONMENT
@click.argument("lock", metavar="LOCK")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing.")
def unlock(environment: str | None, lock: str, yes: bool) -> int:
    """Remove a lock of Terraform's state whose holder is dead for certain.

    LOCK is the id that `mx infra plan` says when it finds the state locked, with who holds it and since when. A lock whose
    holder is alive protects the state from being written by two at a time: never remove that.
    """
    from mxdev.errors import Refused
    from mxdev.system import console

    place = _place(environment)
    if not yes:
        if not console.can_ask():
            raise Refused(
                "Nobody can be asked whether the lock's holder is dead.",
                hint=place.commands(f"`mx infra unlock {lock} --yes`"),
            )
        if not console.agreed(f"Is what took the lock {lock} dead for certain?"):
            raise Refused("You said no. The state is still locked.")
    _terraform(place).alter("force-unlock", lock, force=True)
    console.out(f"The lock {lock} is removed.")
    return 0


@infra.command("cost", short_help="Say what is billed, by unit.")
@ENVIRONMENT
@_JSON
def cost(environment: str | None, as_json: bool) -> int:
    """Say what is billed, by unit and number, from the plan, with the setting that changes it.

    It takes the saved plan if that still fits the files, and plans otherwise. There are no prices in it: they depend on
    contract, region and month, and are Google's to say.
    """
    from mxdev.infra.plans import cost as costs
    from mxdev.infra.plans import saved, show
    from mxdev.system import console

    place = _place(environment)
    with saved.alone(place):
        found = costs.read(_current(place))
    if as_json:
        console.out(show.cost_json(found))
    else:
        show.cost(found)
    return 0


def _place(environment: str | None) -> Place:
    from mxdev.infra import place
    from mxdev.project.project import project_root

    return place.find(project_root(), environment)


def _terraform(place: Place) -> Terraform:
    from mxdev.infra.terraform import Terraform

    return Terraform(place)


def _current(place: Place) -> Plan:
    from mxdev.errors import Refused
    from mxdev.infra.plans import planning
    from mxdev.system import console

    terraform = _terraform(place)
    try:
        if not planning.fitting(place).applied:
            return planning.show(terraform)
    except Refused:
        pass
    return planning.make(terraform, console.status)
