"""Standard 2: the files that everybody looks for are there."""

from __future__ import annotations

import pytest

from mxdev_shipyard.standards.model import Repository, Standard, unmet

STANDARD = Standard(
    2,
    "The repository has the files of a model project.",
    "Whoever knows one model's repository finds their way in all of them, and so do the pipelines.",
    "`mx generate ModelProject` in the repository renders what is missing, and keeps what you have.",
    __file__,
)
FILES = (
    *("README.md", ".gitlab-ci.yml", "Dockerfile", "openapi.yaml", "requirements.txt"),
    *("model.py", "train.py", "evaluate.py", "serve.py"),
)
TESTED = ("evaluate", "model", "serve", "train")


@pytest.mark.parametrize("path", FILES)
def test_file_is_there(repository: Repository, path: str) -> None:
    """Each of them, and something is in it."""
    if not repository.text(path).strip():
        unmet("it is empty", path)


@pytest.mark.parametrize("part", TESTED)
def test_part_is_tested(repository: Repository, part: str) -> None:
    """Each part has tests."""
    repository.text(f"tests/test_{part}.py")
