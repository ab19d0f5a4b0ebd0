"""For tests of generators, of plugins as of mx itself: render in memory, write to a folder, run `mx`.

tree = render(DistributedTraining, workers=4)
assert "replicas: 4" in text(tree, "infrastructure/kubernetes/train.yaml")
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev import catalog, sections
from mxdev.generator import Generator
from mxdev.project import Project
from mxdev.rendering import Run, run, with_requirements
from mxdev.tree import Tree
from mxdev.values import Sources


def render_all(generator: type[Generator] | str, /, **options: Any) -> Run:
    """Render a generator and all it requires into a project that does not exist; nothing is written.

    Args:
        generator: the class, or its name.
        **options: by key (`project_id="acme-ml"`); those of required generators too.

    Raises:
        UsageProblem: a value is wrong or missing, or nobody declares an option.
    """
    cls = catalog.load(catalog.find(generator)) if isinstance(generator, str) else generator
    project = Project(Path("/nonexistent/mx-testing"))
    wanted = with_requirements(cls, project)
    given = {name.replace("_", "-"): value for name, value in options.items()}
    declared = {option.name for generator in wanted for option in generator.declared()}
    unknown = sorted(set(given) - declared)
    if unknown:
        raise TypeError(f"nobody declares {', '.join(unknown)}; there are: {', '.join(sorted(declared))}")
    return run(project, wanted, Sources(file=given, environment={}))


def render(generator: type[Generator] | str, /, **options: Any) -> Tree:
    """The tree of one generator; see `render_all`."""
    tree = render_all(generator, **options).renderings[-1].tree
    assert tree is not None  # only a destroy has none
    return tree


def text(tree: Tree, path: str) -> str:
    """A rendered file as text. KeyError if there is none."""
    return tree.files[path].data.decode("utf-8")


def contents(result: Run | Tree) -> dict[str, bytes]:
    """Every file of the project that `result` makes: rendered ones, and shared ones put together of their sections."""
    trees = (
        [result] if isinstance(result, Tree) else [r.tree for r in result.renderings if r.tree is not None]
    )
    files = {path: file.data for tree in trees for path, file in tree.files.items()}
    rows = [section for tree in trees for section in tree.sections]
    for section in rows:
        order = [other.address for other in rows if other.path == section.path]
        rendered = sections.render(section.address, section.value, path=section.path)
        files[section.path] = sections.put(
            section.path, files.get(section.path), section.address, rendered, order=order
        ).data
    return files


def write(result: Run | Tree, folder: Path) -> None:
    """Write every file of `result` below `folder`, without mx's state, for tools that need a disk."""
    trees = (
        [result] if isinstance(result, Tree) else [r.tree for r in result.renderings if r.tree is not None]
    )
    executable = {path for tree in trees for path, file in tree.files.items() if file.executable}
    for path, data in contents(result).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        if path in executable:
            target.chmod(0o755)


@dataclass(frozen=True)
class Outcome:
    """What a run of `mx` gave."""

    code: int
    stdout: str
    stderr: str


def mx(
    *arguments: str | os.PathLike[str],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 120,
) -> Outcome:
    """Run `mx` as a person would, in a process of its own, without a terminal.

    Args:
        *arguments: the command line after `mx`.
        cwd: the folder it runs in.
        env: variables that are added to this process's.
        stdin: what it reads; None is an empty input.
        timeout: seconds after which it is killed (subprocess.TimeoutExpired).
    """
    command = [sys.executable, "-m", "mxdev", *(os.fspath(argument) for argument in arguments)]
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **(env or {})}, input=stdin or "", capture_output=True, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)
