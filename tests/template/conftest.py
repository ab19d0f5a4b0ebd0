"""Fixtures: repositories, an empty folder to generate in, and nobody trusted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from template_repos import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Callable[[str], Repository]:
    """Make an empty repository of a name."""
    return lambda name: Repository(tmp_path / "repositories" / name)


@pytest.fixture(autouse=True)
def _nothing_trusted() -> None:
    from mxdev_generators.template import git, trust

    git.forget()
    trust._place().unlink(missing_ok=True)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """An empty folder to generate in."""
    folder = tmp_path / "demo"
    folder.mkdir()
    return folder
