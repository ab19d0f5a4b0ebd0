"""Copier and Cookiecutter templates as generators. `CopierTemplate` is what a plugin derives from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mxdev.template.generator import CopierTemplate

__all__ = ["CopierTemplate"]


def __getattr__(name: str) -> Any:
    """Import it on first use (PEP 562)."""
    if name == "CopierTemplate":
        from mxdev.template.generator import CopierTemplate

        return CopierTemplate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
