"""Steps: what mx does outside of the project's files; look, show, ask, do, look again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mxdev.public import load

if TYPE_CHECKING:
    from mxdev.steps.model import Check, Say, State, Step, Verb
    from mxdev.steps.options import step_options
    from mxdev.steps.runner import Mode, run_steps, taken_back

__all__ = ["Check", "Mode", "Say", "State", "Step", "Verb", "run_steps", "step_options", "taken_back"]

_HOMES = {
    "Check": "mxdev.steps.model",
    "Mode": "mxdev.steps.runner",
    "Say": "mxdev.steps.model",
    "State": "mxdev.steps.model",
    "Step": "mxdev.steps.model",
    "Verb": "mxdev.steps.model",
    "run_steps": "mxdev.steps.runner",
    "step_options": "mxdev.steps.options",
    "taken_back": "mxdev.steps.runner",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    return load(__name__, _HOMES, name)
