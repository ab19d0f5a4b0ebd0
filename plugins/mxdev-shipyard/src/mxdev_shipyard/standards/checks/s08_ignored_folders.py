"""Standard 8: data and weights are not committed."""

from __future__ import annotations

import pytest

from mxdev_shipyard.standards.model import Repository, Standard, unmet

STANDARD = Standard(
    8,
    "datasets/ and weights/ are ignored by Git.",
    "Data has owners and an end, and Git forgets nothing; weights that are in two places differ after a while.",
    "Put a .gitignore with `*` and `!.gitignore` into each, and `git rm --cached` what was committed.",
    __file__,
)
FOLDERS = ("datasets", "weights")


def _lines(repository: Repository, path: str) -> set[str]:
    return {line.strip() for line in repository.text(path).splitlines()} if repository.has(path) else set()


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_is_ignored(repository: Repository, folder: str) -> None:
    """By the repository's .gitignore, or by one of its own."""
    forms = {
        folder,
        f"{folder}/",
        f"{folder}/*",
        f"{folder}/**",
        f"/{folder}",
        f"/{folder}/",
        f"/{folder}/*",
        f"/{folder}/**",
    }
    if not (_lines(repository, ".gitignore") & forms or "*" in _lines(repository, f"{folder}/.gitignore")):
        unmet(f"Git does not ignore {folder}/", ".gitignore")


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_in_it_is_committed(repository: Repository, folder: str) -> None:
    """But what keeps the folder."""
    if not repository.has(".git"):
        pytest.skip("no Git repository: nothing is committed yet")
    for path in repository.files:
        if path.startswith(f"{folder}/") and path.rpartition("/")[2] not in (
            ".gitignore",
            ".gitkeep",
            "README.md",
        ):
            unmet(f"it is committed, and what is in {folder}/ belongs into S3", path)
