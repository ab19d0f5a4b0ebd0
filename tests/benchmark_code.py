"""The scripts of `benchmarks/` as modules of a test."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from mxdev.testing import module

FOLDER = Path(__file__).parents[1] / "benchmarks"


def benchmark(name: str) -> ModuleType:
    """The script `benchmarks/NAME.py`, executed as a module; the scripts import each other by plain names."""
    return module(FOLDER / f"{name}.py")
