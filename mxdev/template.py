"""The public address of `CopierTemplate`, from which a plugin derives a generator that renders a Copier template.

The class comes with the generator `Template`, outside the core; it is imported when it is used.
"""

from __future__ import annotations

from typing import Any

from mxdev.public import load

__all__ = ["CopierTemplate"]  # noqa: F822 (PEP 562)

_HOMES = {"CopierTemplate": "mxdev_generators.template.copier_template"}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    return load(__name__, _HOMES, name)
