"""mx: a generator devtool for machine-learning projects.

What a plugin author needs is importable from here, and nothing of it is loaded before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mxdev.generator import Generator, argument, option
    from mxdev.hookspecs import hookimpl
    from mxdev.plugins import lazy
    from mxdev.tree import Tree

__version__ = "0.1.0"
__all__ = ["Generator", "Tree", "__version__", "argument", "hookimpl", "lazy", "option"]

_HOMES = {
    "Generator": "mxdev.generator",
    "argument": "mxdev.generator",
    "option": "mxdev.generator",
    "hookimpl": "mxdev.hookspecs",
    "lazy": "mxdev.plugins",
    "Tree": "mxdev.tree",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562), so that `import mxdev` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mxdev' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
