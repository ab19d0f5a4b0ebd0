"""Prints plans, outputs and what is billed; the same as JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

from mxdev.infra.plans.changes import Change, Plan
from mxdev.infra.plans.cost import Cost
from mxdev.system import console

JSON_VERSION = 1
_COLOURS = {
    "create": "green",
    "import": "cyan",
    "change": "yellow",
    "replace": "magenta",
    "forget": "blue",
    "destroy": "red",
}


# With more to create than this, those of one type share a line.
_FEW = 12


def plan(plan: Plan, *, every: bool = False) -> None:
    """A line for each resource, or for those of one type that are created; what is destroyed in red at the end."""
    for line in lines(plan, paint=True, every=every):
        console.out(line)
    console.out(f"Plan: {plan.summary()}.")


def lines(plan: Plan, *, paint: bool = False, every: bool = False) -> list[str]:
    """The lines of `plan`; coloured for a terminal if `paint`, one for each resource if `every`."""
    created = Counter(change.type for change in plan.changes if change.verb == "create")
    together = (
        {} if every or sum(created.values()) <= _FEW else {one: n for one, n in created.items() if n > 1}
    )
    found: list[str] = []
    for change in plan.changes:
        if change.verb != "create" or change.type not in together:
            found.append(_line(change, paint))
        elif count := together[change.type]:
            together[change.type] = 0
            found.append(_line(replace(change, address=f"{change.type} ({count})"), paint))
    if plan.drift:
        found.append(f"Changed behind Terraform's back: {', '.join(plan.drift)}")
    if plan.outputs:
        found.append(f"Outputs that change: {', '.join(plan.outputs)}")
    if plan.lost:
        lost = f"Data is lost for good: {', '.join(change.address for change in plan.lost)}"
        found.append(console.paint(lost, "red", bold=True) if paint else lost)
    return found


def _line(change: Change, paint: bool) -> str:
    verb, address = f"{change.verb:>10}", change.address
    if paint:
        verb = console.paint(verb, _COLOURS[change.verb])
        if change.verb in ("destroy", "replace"):
            address = console.paint(address, "red")
    why = f"  ({change.why})" if change.why else ""
    return f"{verb}  {address}{why}"


def plan_json(plan: Plan, outcome: str) -> str:
    """The plan as one JSON object; without values, which may be secrets."""
    changes = [
        {"address": one.address, "type": one.type, "verb": one.verb, "why": one.why or None, "loses-data": one.loses}
        for one in plan.changes
    ]  # fmt: skip
    return json.dumps(
        {
            "version": JSON_VERSION,
            "outcome": outcome,
            "changes": changes,
            "drift": list(plan.drift),
            "outputs": list(plan.outputs),
            "error": None,
        }
    )


def cost(cost: Cost) -> None:
    """A table of what is billed, by unit and number."""
    rows = [("what", "number in a month", "unit", "set by", "resource")]
    rows += [(one.what, one.number(), one.unit, one.knob or "-", one.address) for one in cost.items]
    console.table(rows)
    if not cost.items:
        console.out("Nothing of it is billed that mx knows of.")
    if cost.unknown:
        console.out(f"mx does not know whether these are billed: {', '.join(cost.unknown)}")
    console.status(
        "Numbers of a month of 730 hours; prices are in https://cloud.google.com/products/calculator. What pods make in the "
        "cluster (disks, load balancers) is not in the plan."
    )


def cost_json(cost: Cost) -> str:
    """The table as one JSON object."""
    items = [
        {"resource": one.address, "what": one.what, "unit": one.unit, "least": one.least, "most": one.most,
         "set-by": one.knob or None}
        for one in cost.items
    ]  # fmt: skip
    return json.dumps({"version": JSON_VERSION, "items": items, "unknown": list(cost.unknown), "error": None})


def outputs(values: dict[str, Any]) -> None:
    """The outputs, a line each; secret ones by name only."""
    for name, output in values.items():
        value = output.get("value")
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        console.out(f"{name} = {'(secret; --json or NAME prints it)' if output.get('sensitive') else shown}")
