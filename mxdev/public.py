"""Loads the names of a package that authors of plugins import, when they are used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any


def load(package: str, homes: Mapping[str, str], name: str) -> Any:
    """The attribute `name` of `package`, from the module that `homes` says; it is kept there.

    Raises:
        AttributeError: `homes` has no such name.
    """
    if name not in homes:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(homes[name]), name)
    setattr(sys.modules[package], name, value)
    return value
