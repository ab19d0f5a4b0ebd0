"""What a generator is made of, and how its templates become text.

The names that authors of generators import from here are loaded when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mxdev.public import load

if TYPE_CHECKING:
    from mxdev.generator.generator import Freshness, Generator, Scope
    from mxdev.generator.options import REQUIRED, Option, ParamType, Pattern, Values, argument, option

__all__ = [
    "REQUIRED", "Freshness", "Generator", "Option", "ParamType", "Pattern", "Scope", "Values", "argument", "option",
]  # fmt: skip

_HOMES = {
    **dict.fromkeys(("Freshness", "Generator", "Scope"), "mxdev.generator.generator"),
    **dict.fromkeys(
        ("REQUIRED", "Option", "ParamType", "Pattern", "Values", "argument", "option"),
        "mxdev.generator.options",
    ),
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    return load(__name__, _HOMES, name)
