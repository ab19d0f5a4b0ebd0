"""What is installed, what it announces, and what answers to which name.

The names that authors of plugins import from here are loaded when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mxdev.public import load

if TYPE_CHECKING:
    from mxdev.plugins.checked_plan import CheckedChange, CheckedPlan
    from mxdev.plugins.model import Lazy, lazy

__all__ = ["CheckedChange", "CheckedPlan", "Lazy", "lazy"]

_HOMES = {
    **dict.fromkeys(("Lazy", "lazy"), "mxdev.plugins.model"),
    **dict.fromkeys(("CheckedChange", "CheckedPlan"), "mxdev.plugins.checked_plan"),
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    return load(__name__, _HOMES, name)
