"""A project for tests of the plan: instances render what a test says, a person edits, mx plans and applies."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mxdev.generator.generator import Generator
from mxdev.generator.options import Values
from mxdev.generator.tree import Tree
from mxdev.plan.build import build
from mxdev.plan.model import Plan, Rendering
from mxdev.plan.operations import operations
from mxdev.plugins.catalog import by_requirements
from mxdev.project.project import Project
from mxdev.workflow import apply
from mxdev.workflow.apply import Policy

Data = str | tuple[str, bool]


@dataclass
class Wanted:
    """What one instance renders: texts (with their executable bit) by path, and sections."""

    files: Mapping[str, Data] = field(default_factory=dict)
    sections: Sequence[tuple[str, str, Any]] = ()
    requires: tuple[str, ...] = ()


class Stub(Generator):
    """Renders what it is told."""

    def generate(self, tree: Tree) -> None:
        """Nothing: the test fills the tree."""


class World:
    """One project folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)

    @property
    def project(self) -> Project:
        """As it is on disk."""
        return Project.load(self.root) if (self.root / "mx.yaml").exists() else Project(self.root)

    def plan(self, wanted: Mapping[str, Wanted | None] | None = None, **options: Any) -> Plan:
        """The plan for instances (None takes one away) and project options."""
        project = self.project
        renderings = []
        for name, want in (wanted or {}).items():
            tree = None if want is None else _tree(name, want)
            requires = want.requires if want else ()
            renderings.append(Rendering(name, name.partition(":")[0], "plug", "1.0", {}, requires, tree))
        requires = {name: record.requires for name, record in project.instances.items()}
        requires |= {r.instance: r.requires for r in renderings}
        gone = {r.instance for r in renderings if r.tree is None}
        order = by_requirements([n for n in requires if n not in gone], lambda name: requires[name])
        return build(project, renderings, {**project.options, **options}, order)

    def run(
        self, wanted: Mapping[str, Wanted | None] | None = None, policy: Policy | None = None, **options: Any
    ) -> tuple[dict[str, str], str, int]:
        """Plan and carry out; status by path (without mx.yaml), outcome, exit code."""
        plan = self.plan(wanted, **options)
        outcome = apply.carry_out(plan, operations, policy or Policy(json=True), title="test")
        return statuses(plan), outcome.name, outcome.code

    def files(self, files: Mapping[str, Data], **keywords: Any) -> tuple[dict[str, str], str, int]:
        """Run one instance called A that renders files."""
        return self.run({"A": Wanted(files)}, **keywords)

    def put(self, path: str, text: str | bytes, executable: bool = False) -> None:
        """What a person writes."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        file.chmod(0o755 if executable else 0o644)

    def get(self, path: str) -> str | None:
        """What stands there."""
        file = self.root / path
        return file.read_bytes().decode() if file.exists() else None

    def executable(self, path: str) -> bool:
        """Whether the file may be run."""
        return os.access(self.root / path, os.X_OK)

    def disk(self) -> dict[str, tuple[bytes, bool]]:
        """All files outside `.mx/`, with their executable bit."""
        return {
            str(path.relative_to(self.root)): (path.read_bytes(), bool(path.stat().st_mode & 0o100))
            for path in self.root.rglob("*")
            if path.is_file() and ".mx" not in path.relative_to(self.root).parts
        }


def statuses(plan: Plan) -> dict[str, str]:
    """Status by path, without the row of mx.yaml."""
    return {change.path: change.status for change in plan.changes if change.path != "mx.yaml"}


def _tree(name: str, want: Wanted) -> Tree:
    tree = Tree(Stub(Values({}), name))
    for path, data in want.files.items():
        text, executable = (data, False) if isinstance(data, str) else data
        tree.file(path, text, executable=executable)
    for path, address, value in want.sections:
        tree.section(path, address, value)
    return tree
