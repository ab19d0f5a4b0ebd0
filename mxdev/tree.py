"""The public address of what a generator fills; the code is in `mxdev.generator.tree`."""

from mxdev.generator.tree import File, NextStep, Section, Tree

__all__ = ["File", "NextStep", "Section", "Tree"]
