"""What the hook `mx_check_plan` sees of a plan, and what a refusal does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mxdev import plugins
from mxdev.errors import Refused

if TYPE_CHECKING:
    from mxdev.applying import Work
    from mxdev.plan import Change, Content


@dataclass(frozen=True)
class CheckedChange:
    """What becomes of one file.

    Attributes:
        path: relative to the root.
        status: create, identical, update, merge, conflict, keep, remove or orphan.
        resolution: of a conflict: keep, overwrite or merge; else None.
        generators: the instances that render it.
        plugins: the distributions that these come from.
        before: the bytes that stand there; None if there is no file.
        after: the bytes that will stand there; None if there will be no file.
        executable: whether it will be a program.
    """

    path: str
    status: str
    resolution: str | None
    generators: tuple[str, ...]
    plugins: tuple[str, ...]
    before: bytes | None
    after: bytes | None
    executable: bool


@dataclass(frozen=True)
class CheckedPlan:
    """A plan, settled and not applied yet. Nothing can be changed through it.

    Attributes:
        command: what makes the change, such as "mx generate StreamlitApp", "mx update" or "undo of mx update".
        root: the project's folder; of a new project it does not exist yet.
        dry_run: the plan is only shown.
        options: the project's options as they will be, by name; as they are where the command does not touch them.
        changes: one for each path outside `.mx/`.
    """

    command: str
    root: Path
    dry_run: bool
    options: Mapping[str, Any]
    changes: tuple[CheckedChange, ...]


def check(work: Work, command: str, *, dry_run: bool) -> None:
    """Show the plan to every plugin that wants to see it.

    Raises:
        Refused: a plugin refuses it, or its check failed, which counts as a no: a guard that is broken guards nothing.
    """
    if not any("mx_check_plan" in plugin.working for plugin in plugins.working()):
        return
    seen = CheckedPlan(
        command,
        work.root,
        dry_run,
        MappingProxyType(dict(getattr(work, "options", {}))),
        tuple(_checked(change) for change in work.changes),
    )
    refusals = []
    try:
        for plugin, results in plugins.call("mx_check_plan", plan=seen):
            refusals += [
                f"The plugin {plugin} refuses this plan: {reason or 'it gives no reason'}"
                for reason in results
            ]
    except plugins.HookFailed as failure:
        raise Refused(
            f"{failure}. It could not check the plan, so nothing was written.",
            hint=f"Report it to the authors of {failure.plugin.dist}, or uninstall it.",
        ) from failure
    if refusals:
        raise Refused("\n".join(refusals), hint="Nothing was written.")


def _checked(change: Change) -> CheckedChange:
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
    return None if content is None or content.foreign else content.data
