"""The interpreter with cvat-sdk, and a fresh project for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from labelling import Project, interpreter


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, interpreter())
