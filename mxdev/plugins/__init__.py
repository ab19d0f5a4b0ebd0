"""What is installed, what it announces, and what answers to which name.

The names that authors of plugins import from here are loaded when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mxdev.public import load

if TYPE_CHECKING:
    from mxdev.plugins.checked_plan import CheckedChange, CheckedPlan
    from mxdev.plugins.model import Announced, Lazy, lazy
    from mxdev.plugins.registry import entries

__all__ = ["Announced", "CheckedChange", "CheckedPlan", "Lazy", "entries", "lazy"]

_HOMES = {
    **dict.fromkeys(("Announced", "Lazy", "lazy"), "mxdev.plugins.model"),
    "entries": "mxdev.plugins.registry",
    **dict.fromkeys(("CheckedChange", "CheckedPlan"), "mxdev.plugins.checked_plan"),
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    return load(__name__, _HOMES, name)
