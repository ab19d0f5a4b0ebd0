"""`mx.yaml`, the records, and what stands at a path.

The names that authors of plugins import from here are loaded when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mxdev.public import load

if TYPE_CHECKING:
    from mxdev.project.project import Project, find_root, project_root

__all__ = ["Project", "find_root", "project_root"]

_HOMES = dict.fromkeys(__all__, "mxdev.project.project")


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    return load(__name__, _HOMES, name)
