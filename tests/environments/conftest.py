"""One project with a staging and a production, on Google Cloud and on a cluster of its own; tests change copies of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mxdev.testing import mx


def made(folder: Path, cloud: str) -> Path:
    """A project `churn` with two environments; production is in a Google Cloud project of its own."""
    own = ["--cloud-project", "acme-production"] if cloud == "gcp" else []
    commands = [
        ["generate", "MLProjectSkeleton", "churn", "--cloud", cloud, "--project-id", "acme-ml", "--domain", "ml.example.com",
         "--no-input", "--skip-git"],
        ["generate", "DistributedTraining", "--no-input"],
        ["generate", "Environment", "staging", "--no-input"],
        ["generate", "Environment", "production", *own, "--no-input"],
    ]  # fmt: skip
    for number, command in enumerate(commands):
        done = mx(*command, cwd=folder / "churn" if number else folder, env={"MX_OPT_MX_SOURCE": "index"})
        assert done.code == 0, done.stderr
    return folder / "churn"


@pytest.fixture(scope="session")
def gcp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """On Google Cloud; not to be changed."""
    return made(tmp_path_factory.mktemp("gcp"), "gcp")


@pytest.fixture(scope="session")
def existing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """On a cluster of its own; not to be changed."""
    return made(tmp_path_factory.mktemp("existing"), "existing")


@pytest.fixture
def project(gcp: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(gcp, tmp_path / "churn", ignore=shutil.ignore_patterns("build")))
