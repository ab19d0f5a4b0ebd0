"""Applying a plan, and taking everything down, as steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mxdev.infra.place import Place
from mxdev.infra.plans import cost, planning, saved, show
from mxdev.infra.plans.changes import Change, Plan, holds_data
from mxdev.infra.terraform import Terraform
from mxdev.steps import Say, State, Step
from mxdev.system import gcloud
from mxdev.system.files import plain

_UNPROTECT = "deletion_protection=false"
# Buckets may hold very many objects.
_EMPTYING = 6 * 3600.0


@dataclass(frozen=True, kw_only=True)
class SavedPlan(Step):
    """What `mx infra plan` saved is carried out: exactly that."""

    place: Place

    def look(self) -> State:
        """Whether there is a plan that still fits, and what it does."""
        found = planning.fitting(self.place)
        if found.applied:
            return State.done(
                self.place.commands(
                    f"the plan of {found.made} was applied at {found.applied}; `mx infra plan` makes another"
                )
            )
        return of_plan(planning.show(Terraform(self.place)))

    def do(self, say: Say) -> None:
        """Apply it."""
        _apply_saved(self.place, say)


@dataclass(frozen=True, kw_only=True)
class Infrastructure(Step):
    """What the .tf files say is there: planned anew whenever it is looked at, so that the world decides. For `mx up`."""

    place: Place

    def look(self) -> State:
        """Plan."""
        return of_plan(planning.make(Terraform(self.place), _silent))

    def do(self, say: Say) -> None:
        """Apply the plan that was looked at."""
        _apply_saved(self.place, say)


@dataclass(frozen=True, kw_only=True)
class Unprotected(Step):
    """Deletion protection is lifted, of what is about to be destroyed."""

    place: Place

    def look(self) -> State:
        """What is protected, by the state."""
        guarded = _protected(Terraform(self.place))
        if not guarded:
            return State.done("nothing is protected")
        if not _declares(self.place, "deletion_protection"):
            return State.blocked(
                f"{', '.join(guarded)} is protected, and no .tf file has a variable deletion_protection that would lift it.",
                self.place.commands(
                    "Set `deletion_protection = false` where it is protected, `mx infra plan`, `mx infra apply`; then again."
                ),
            )
        return State.change(f"lifted from {', '.join(guarded)}")

    def do(self, say: Say) -> None:
        """Apply the one setting, to these resources only."""
        terraform = Terraform(self.place)
        guarded = _protected(terraform)
        planning.make(terraform, say, variables=(_UNPROTECT,), targets=tuple(guarded))
        _apply_saved(self.place, say)


@dataclass(frozen=True, kw_only=True)
class Forgotten(Step):
    """Buckets leave the state, so that they stay when everything else goes."""

    place: Place
    kinds: tuple[str, ...] = ("google_storage_bucket", "aws_s3_bucket")

    def look(self) -> State:
        """Which are in the state."""
        kept = self._kept()
        details = tuple(f"stays: {name}" for name in kept.values())
        return (
            State.change(f"{', '.join(kept)} leave the state", details=details)
            if kept
            else State.done("no bucket is in the state")
        )

    def do(self, say: Say) -> None:
        """Take them out of the state; nothing happens to the buckets."""
        kept = self._kept()
        for address, name in kept.items():
            say(f"{name} stays; to take it up again: terraform import '{address}' {name}")
        if kept:
            Terraform(self.place).alter("state rm", *kept)

    def _kept(self) -> dict[str, str]:
        found = _state(Terraform(self.place))
        return {
            address: str(values.get("name") or values.get("bucket"))
            for address, kind, values in found
            if kind in self.kinds
        }


@dataclass(frozen=True, kw_only=True)
class Emptied(Step):
    """Google's buckets are empty, old versions included: Terraform refuses to delete one that is not."""

    place: Place
    project: str

    def look(self) -> State:
        """Which have objects."""
        full = self._full()
        if not full:
            return State.done("no bucket has objects")
        return State.remove(
            f"all objects of {', '.join(full)}", destroys=tuple(f"gs://{one}: all objects" for one in full)
        )

    def do(self, say: Say) -> None:
        """Delete every version of every object."""
        for bucket in self._full():
            say(f"emptying gs://{bucket}")
            gcloud.in_project(
                self.project, "storage", "rm", "--all-versions", f"gs://{bucket}/**", timeout=_EMPTYING
            )

    def _full(self) -> list[str]:
        buckets = [
            str(values.get("name"))
            for _, kind, values in _state(Terraform(self.place))
            if kind == "google_storage_bucket"
        ]
        return [one for one in buckets if _has_objects(self.project, one)]


def _has_objects(project: str, bucket: str) -> bool:
    try:
        return bool(gcloud.in_project(project, "storage", "ls", "--all-versions", f"gs://{bucket}/**"))
    except gcloud.GcloudError as error:
        if error.missing:  # there are no objects, or somebody deleted the bucket itself
            return False
        raise


@dataclass(frozen=True, kw_only=True)
class Destroyed(Step):
    """Nothing of what Terraform made is left."""

    place: Place
    with_data: bool = False

    def look(self) -> State:
        """What the state still has."""
        left = [
            (address, kind) for address, kind, _ in _state(Terraform(self.place))
            if self.with_data or kind not in Forgotten.kinds
        ]  # fmt: skip
        if not left:
            return State.done("Terraform's state is empty")
        return State.remove(
            f"{len(left)} resources",
            destroys=tuple(
                f"{address} (with its data)" if holds_data(kind) else address for address, kind in left
            ),
        )

    def do(self, say: Say) -> None:
        """Plan to destroy, and apply that plan."""
        variables = (_UNPROTECT,) if _declares(self.place, "deletion_protection") else ()
        planning.make(Terraform(self.place), say, destroy=True, variables=variables)
        _apply_saved(self.place, say)


def destroying(place: Place, *, with_data: bool) -> list[Step]:
    """The steps that take everything down.

    Args:
        place: whose Terraform.
        with_data: buckets, too.
    """
    first: list[Step] = [Unprotected(name="unprotect", title="Deletion protection", place=place)]
    project = place.setting("project_id")
    if with_data and project is not None:
        first.append(
            Emptied(
                name="empty-buckets",
                title="What is in the buckets",
                needs=("unprotect",),
                permissions=("storage.objects.delete",),
                early=True,
                place=place,
                project=project,
            )
        )
    if not with_data:
        first.append(
            Forgotten(
                name="keep-buckets", title="Buckets that stay", needs=("unprotect",), early=True, place=place
            )
        )
    needs = tuple(step.name for step in first)
    last = Destroyed(
        name="destroy",
        title="All that Terraform made",
        needs=needs,
        early=True,
        place=place,
        with_data=with_data,
    )
    return [*first, last]


def of_plan(plan: Plan) -> State:
    """What a plan comes to: what it bills, and which data it loses."""
    if plan.nothing:
        return State.done("nothing is to be changed")
    new = {change.address for change in plan.changes if change.verb in ("create", "replace")}
    bills = tuple(
        f"{item.address}: {item.what}, {item.number()} {item.unit}"
        for item in cost.read(plan).items
        if item.address in new
    )
    details, lost = tuple(show.lines(plan)), tuple(map(_loss, plan.lost))
    if plan.count("create") == len(plan.changes) and plan.changes:
        return State.create(plan.summary(), bills=bills, details=details)
    change = State.change(plan.summary(), bills=bills, destroys=lost, details=details)
    return change


def _loss(change: Change) -> str:
    before = change.before or {}
    name = before.get("name") or before.get("bucket") or before.get("identifier")
    return f"{change.address}{f' ({name})' if name else ''}, with its data: {change.verb}"


def _apply_saved(place: Place, say: Say) -> None:
    found = planning.fitting(place)
    if found.applied:
        return
    Terraform(place).work("apply", str(saved.plan_file(place)), say=say)
    saved.mark_applied(place, found)


def _state(terraform: Terraform) -> list[tuple[str, str, dict[str, Any]]]:
    """What the state has: address, type and values."""
    document = terraform.json("show")
    root = (document.get("values") or {}).get("root_module") or {}
    found: list[tuple[str, str, dict[str, Any]]] = []
    modules = [root]
    while modules:
        module = modules.pop()
        modules += module.get("child_modules") or []
        found += [(str(one["address"]), str(one["type"]), one.get("values") or {})
                  for one in module.get("resources") or () if one.get("mode") == "managed"]  # fmt: skip
    return sorted(found, key=lambda one: one[0])


def _protected(terraform: Terraform) -> list[str]:
    return [address for address, _, values in _state(terraform) if _guard(values)]


def _guard(values: dict[str, Any]) -> bool:
    settings = values.get("settings") or [{}]
    inner = settings[0] if isinstance(settings, list) and settings and isinstance(settings[0], dict) else {}
    return values.get("deletion_protection") is True or inner.get("deletion_protection_enabled") is True


def _declares(place: Place, variable: str) -> bool:
    return any(
        f'variable "{variable}"' in plain.read(path).decode("utf-8", "replace")
        for path in place.folder.glob("*.tf")
    )


def _silent(text: str) -> None:
    """Looking shows nothing of its own."""
