"""Python files as syntax: what they import, under which names, and what their classes inherit. Nothing is executed."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from mxdev_shipyard.standards.model import Repository, unmet

# What a star import brings, of what the standards look for.
_STARS = {
    "ddtrace": ("patch", "patch_all"),
    "kfserving": ("KFModel",),
    "kserve": ("KFModel", "Model"),
    "kserve.model": ("Model",),
}


@dataclass(frozen=True)
class Source:
    """A parsed file, all nodes of it: `names` are what its names stand for (`K` for `kserve.Model` after `from kserve import Model as K`).

    A class may be defined more than once, as with `try` and `except ImportError`.
    """

    nodes: tuple[ast.AST, ...]
    names: dict[str, str] = field(default_factory=dict)
    classes: dict[str, list[ast.ClassDef]] = field(default_factory=dict)

    def dotted(self, node: ast.expr) -> str:
        """What an expression such as `kserve.Model` stands for, with aliases resolved; empty if it is none of that form."""
        after: list[str] = []
        while isinstance(node, ast.Subscript | ast.Attribute):  # Model[int]
            after += [node.attr] if isinstance(node, ast.Attribute) else []
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.names.get(node.id, node.id), *reversed(after)])

    def calls(self) -> list[tuple[str, ast.Call]]:
        """What is called, by its dotted name."""
        return [(self.dotted(node.func), node) for node in self.nodes if isinstance(node, ast.Call)]


def parse(repository: Repository, path: str) -> Source:
    """Parse a file; a test whose file is no Python fails with that sentence."""
    found = repository.kept.get(path)
    if not isinstance(found, Source):
        found = repository.kept[path] = _parsed(repository, path)
    return found


def _parsed(repository: Repository, path: str) -> Source:
    try:
        tree = ast.parse(repository.data(path))  # its bytes may say their encoding
    except (SyntaxError, ValueError) as error:
        unmet(f"it is no Python: {getattr(error, 'msg', error)}", path, getattr(error, "lineno", None))
    except (RecursionError, MemoryError):
        unmet("it is no Python: it is nested too deeply", path)
    source = Source(tuple(ast.walk(tree)))
    assigned: list[tuple[int, str, ast.expr]] = []
    for node in source.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                source.names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                if alias.name == "*":
                    brought = _STARS.get(node.module or "", ())
                    source.names.update((name, f"{node.module}.{name}") for name in brought)
                else:
                    source.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.ClassDef):
            source.classes.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                assigned.append((node.lineno, target.id, node.value))
    for _, name, value in sorted(assigned, key=lambda one: one[0]):  # Base = kserve.Model
        # What stands in for a failed import is not what is served.
        if name not in source.names and (of := source.dotted(value)):
            source.names[name] = of
    return source


def members(cls: ast.ClassDef) -> frozenset[str]:
    """The methods that a class defines itself, conditionally or by another name too."""
    found: set[str] = set()
    open_: list[ast.AST] = list(cls.body)
    while open_:
        node = open_.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign) and not isinstance(node.value, ast.Constant):  # predict = answer
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif not isinstance(node, ast.ClassDef):
            open_ += [
                child
                for child in ast.iter_child_nodes(node)
                if isinstance(child, ast.stmt | ast.ExceptHandler)
            ]
    return frozenset(found)
