"""mx: a generator devtool for machine-learning projects.

What a plugin author needs is importable from here, and nothing of it is loaded before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mxdev.public import load
from mxdev.version import __version__

if TYPE_CHECKING:
    from mxdev.generator.generator import Generator
    from mxdev.generator.options import argument, option
    from mxdev.generator.tree import Tree
    from mxdev.plugins.hookspecs import hookimpl
    from mxdev.plugins.model import lazy
    from mxdev.steps.model import Check, State, Step
    from mxdev.steps.options import step_options
    from mxdev.steps.runner import Mode, run_steps
    from mxdev.workflow.generate import run_generator

__all__ = [
    "Check",
    "Generator",
    "Mode",
    "State",
    "Step",
    "Tree",
    "__version__",
    "argument",
    "hookimpl",
    "lazy",
    "option",
    "run_generator",
    "run_steps",
    "step_options",
]

_HOMES = {
    "Generator": "mxdev.generator.generator",
    "argument": "mxdev.generator.options",
    "option": "mxdev.generator.options",
    "hookimpl": "mxdev.plugins.hookspecs",
    "lazy": "mxdev.plugins.model",
    "Tree": "mxdev.generator.tree",
    "run_generator": "mxdev.workflow.generate",
    "Mode": "mxdev.steps.runner",
    "State": "mxdev.steps.model",
    "Check": "mxdev.steps.model",
    "Step": "mxdev.steps.model",
    "run_steps": "mxdev.steps.runner",
    "step_options": "mxdev.steps.options",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562), so that `import mxdev` costs nothing."""
    return load(__name__, _HOMES, name)
