"""Steps of plugins on the way up, by the hook `mx_up_steps`, and their taking back on the way down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mxdev.deploy import config
from mxdev.errors import MxError
from mxdev.plugins import registry
from mxdev.plugins.model import HookFailed
from mxdev.project.project import Project
from mxdev.steps.model import Step


def steps(root: Path, environment: str | None) -> list[Step]:
    """What the plugins add in this project, in order of their distributions.

    Raises:
        MxError: the hook of a plugin raised something, or gave what are no steps; half of a way up is none.
    """
    found: list[Step] = []
    try:
        for plugin, results in registry.call("mx_up_steps", root=root, environment=environment):
            for step in (one for result in results for one in result):
                if not isinstance(step, Step):
                    raise MxError(
                        f"The plugin {plugin} adds {step!r} to `mx up`, which is no mxdev.Step.",
                        hint=f"Report it to the authors of {plugin.dist}.",
                    )
                if any(step.name == other.name for other in found):
                    raise MxError(
                        f"The plugin {plugin} adds a second step {step.name} to `mx up`.",
                        hint=f"Report it to the authors of {plugin.dist}.",
                    )
                found.append(step)
    except HookFailed as failure:
        raise MxError(
            f"{failure}. Without it, `mx up` and `mx down` do not know all of their steps.",
            hint=f"Report it to the authors of {failure.plugin.dist}, or uninstall it.",
        ) from failure
    return found


def alone(root: Path) -> bool:
    """Whether the project deploys nothing of mx's own, so that what plugins add is the whole way."""
    return Project.load(root).read(config.FILE) is None


def after(own: Sequence[Step], plugged: Sequence[Step]) -> list[Step]:
    """The steps of plugins, each after all of `own`.

    Raises:
        MxError: one has the name of a step of mx's own.
    """
    names = tuple(step.name for step in own)
    if taken := next((step.name for step in plugged if step.name in names), None):
        raise MxError(f"A plugin adds a step {taken}, and mx has one of that name.")
    return [replace(step, needs=(*names, *step.needs)) for step in plugged]
