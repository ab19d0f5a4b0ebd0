"""The scripts of `benchmarks/` as modules of a test."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[1] / "benchmarks"


def benchmark(name: str) -> ModuleType:
    """The script `benchmarks/NAME.py`, executed as a module.

    The scripts import each other by plain names (`run`, `serving`), which packages of a test have too: what is
    imported here is in `sys.modules` only until the script has run.
    """
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    names = {path.stem for path in FOLDER.glob("*.py")}
    others = {name: sys.modules.pop(name) for name in names & sys.modules.keys()}
    sys.modules[spec.name] = module  # dataclasses and NamedTuple look their module up
    sys.path.insert(0, str(FOLDER))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FOLDER))
        for name in names & sys.modules.keys():
            del sys.modules[name]
        sys.modules.update(others)
    return module
