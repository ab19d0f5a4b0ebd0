"""The program that zips Lambda functions, in every repository that has some."""

from __future__ import annotations

from pathlib import Path

from mxdev import Tree


def add_builder(tree: Tree) -> None:
    """Add `lambdas/build.py` to a repository with folders below `lambdas/`, each with a `handler.py`."""
    source = Path(__file__).parent / "zipped.py"
    tree.file("lambdas/build.py", source.read_bytes(), executable=True)
