"""Shows a plan to the hook `mx_check_plan`, and refuses what it refuses."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from mxdev.errors import Refused
from mxdev.plugins import model, registry

if TYPE_CHECKING:
    from mxdev.plan.model import Change, Work
    from mxdev.plugins.checked_plan import CheckedChange
    from mxdev.project.files.content import Content


def check(work: Work, command: str, *, dry_run: bool) -> None:
    """Show the plan to every plugin that wants to see it.

    Raises:
        Refused: a plugin refuses it, or its check failed, which counts as a no: a guard that is broken guards nothing.
    """
    if not any("mx_check_plan" in plugin.working for plugin in registry.working()):
        return
    from mxdev.plugins.checked_plan import CheckedPlan

    seen = CheckedPlan(
        command,
        work.root,
        dry_run,
        MappingProxyType(dict(getattr(work, "options", {}))),
        tuple(_checked(change) for change in work.changes),
    )
    refusals = []
    try:
        for plugin, results, _ in registry.call("mx_check_plan", plan=seen):
            refusals += [
                f"The plugin {plugin} refuses this plan: {reason or 'it gives no reason'}"
                for reason in results
            ]
    except model.HookFailed as failure:
        raise Refused(
            f"{failure}. It could not check the plan, so nothing was written.",
            hint=f"Report it to the authors of {failure.plugin.dist}, or uninstall it.",
        ) from failure
    if refusals:
        raise Refused("\n".join(refusals), hint="Nothing was written.")


def _checked(change: Change) -> CheckedChange:
    from mxdev.plugins.checked_plan import CheckedChange

    return CheckedChange(
        change.path,
        change.status,
        change.resolution,
        change.generators,
        change.plugins,
        _bytes(change.before),
        _bytes(change.after),
        bool(change.after and change.after.executable),
    )


def _bytes(content: Content | None) -> bytes | None:
    return None if content is None or content.foreign else content.on_disk
