"""Steps of plugins on the way up, by the hook `mx_up_steps`, and their taking back on the way down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mxdev.deploy import config
from mxdev.errors import MxError
from mxdev.plugins import registry
from mxdev.plugins.model import HookFailed
from mxdev.project import environments
from mxdev.project.project import Project
from mxdev.steps.model import Step
from mxdev.system import console


def steps(root: Path, environment: str | None) -> list[Step]:
    """What the plugins add in this project, in order of their distributions.

    A plugin that has steps here and knows of no environments is left out of a way to one: its steps are those of the first. A line on
    stderr says so.

    Raises:
        Refused: there is no such environment.
        MxError: the hook of a plugin raised something, or gave what are no steps; half of a way up is none.
    """
    if environment is not None:
        environments.find(Project.load(root), environment)
    found: list[Step] = []
    try:
        for plugin, results, taken in registry.call("mx_up_steps", root=root, environment=environment):
            if environment is not None and "environment" not in taken:
                if any(results):
                    console.warn(
                        f"the plugin {plugin} is left out: its steps know of no environments, and are not those of {environment}."
                    )
                continue
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


def word(root: Path) -> str:
    """What is typed before something is lost: the project's name, or its folder's where it says none."""
    return str(Project.load(root).options.get("name") or root.name)


def after(own: Sequence[Step], plugged: Sequence[Step]) -> list[Step]:
    """The steps of plugins, each after all of `own`.

    Raises:
        MxError: one has the name of a step of mx's own.
    """
    names = tuple(step.name for step in own)
    if taken := next((step.name for step in plugged if step.name in names), None):
        raise MxError(f"A plugin adds a step {taken}, and mx has one of that name.")
    return [replace(step, needs=(*names, *step.needs)) for step in plugged]
