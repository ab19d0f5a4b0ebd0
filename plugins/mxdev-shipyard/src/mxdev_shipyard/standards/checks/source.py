"""Python files as syntax: what they import, under which names, and what their classes inherit. Nothing is executed."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from mxdev_shipyard.standards.model import Repository, unmet


@dataclass(frozen=True)
class Source:
    """A parsed file: `names` are what its names stand for (`K` for `kserve.Model` after `from kserve import Model as K`)."""

    tree: ast.Module
    names: dict[str, str] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)

    def dotted(self, node: ast.expr) -> str:
        """What an expression such as `kserve.Model` stands for, with aliases resolved; empty if it is none of that form."""
        if isinstance(node, ast.Subscript):  # Model[int]
            return self.dotted(node.value)
        if isinstance(node, ast.Attribute):
            before = self.dotted(node.value)
            return f"{before}.{node.attr}" if before else ""
        return self.names.get(node.id, node.id) if isinstance(node, ast.Name) else ""

    def calls(self) -> list[tuple[str, ast.Call]]:
        """What is called, by its dotted name."""
        return [(self.dotted(node.func), node) for node in ast.walk(self.tree) if isinstance(node, ast.Call)]


def parse(repository: Repository, path: str) -> Source:
    """Parse a file; a test whose file is no Python fails with that sentence."""
    try:
        tree = ast.parse(repository.text(path))
    except (SyntaxError, ValueError) as error:
        unmet(f"it is no Python: {getattr(error, 'msg', error)}", path, getattr(error, "lineno", None))
    source = Source(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                source.names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                source.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.ClassDef):
            source.classes[node.name] = node
    for node in tree.body:  # Base = kserve.Model
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and (of := source.dotted(node.value))
        ):
            source.names[node.targets[0].id] = of
    return source
