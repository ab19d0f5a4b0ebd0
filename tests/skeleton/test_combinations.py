"""Every pair of the skeleton's choices, rendered and looked at by the real tools. See tests/covering.py."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from checks_kubernetes import check_devspace, check_manifests
from checks_terraform import check_terraform
from covering import PLATFORM, Row, label, rows
from filelock import FileLock
from ml_environment import interpreter
from terraform_mirror import cache_folder

from mxdev.testing import mx

pytestmark = pytest.mark.noted()

ROWS = [*rows(), *rows(PLATFORM)]


def arguments(row: Row) -> list[str]:
    """The command line that gives these values."""
    given = [row["name"]]
    for name, value in row.items():
        if name != "name":
            for item in value if isinstance(value, tuple) else (value,):
                given.append(f"--{name.replace('_', '-')}={item}")
    return given


@pytest.fixture(
    scope="module", params=ROWS, ids=[f"{number}-{label(row)}" for number, row in enumerate(ROWS)]
)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that `mx generate` rendered with one row of the covering set."""
    folder = tmp_path_factory.mktemp("combination")
    done = mx("generate", "MLProjectSkeleton", *arguments(request.param), "--no-input", cwd=folder)
    assert done.code == 0, done.stderr
    return folder / str(request.param["name"])


def cloud_of(project: Path) -> str:
    """The option `cloud`."""
    return str(yaml.safe_load((project / "mx.yaml").read_text())["options"]["cloud"])


def test_lint_finds_nothing(project: Path) -> None:
    done = mx("lint", "--require-all", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr


def test_rendering_again_changes_nothing(project: Path) -> None:
    done = mx("generate", "MLProjectSkeleton", "--json", cwd=project)
    answer = json.loads(done.stdout)
    assert answer["outcome"] == "nothing"
    assert {change["status"] for change in answer["changes"]} == {"identical"}


def test_types(project: Path) -> None:
    """mypy, once for each distinct source."""
    digest = hashlib.sha256()
    for path in [*sorted((project / "src").rglob("*.py")), project / "pyproject.toml"]:
        digest.update(path.read_bytes())
    known = cache_folder() / "mypy-clean" / digest.hexdigest()
    known.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(cache_folder() / "mypy.lock"):
        if known.exists():
            return
        done = subprocess.run(
            [sys.executable, "-m", "mypy", f"--cache-dir={cache_folder() / 'mypy'}",
             f"--python-executable={interpreter()}", "src"],
            cwd=project, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        known.touch()


def test_terraform(project: Path) -> None:
    folder = project / "infrastructure" / "terraform"
    if cloud_of(project) != "gcp":
        assert not folder.exists()
    else:
        assert check_terraform(folder) == []


def test_kubernetes(project: Path) -> None:
    if cloud_of(project) == "none":
        assert not (project / "infrastructure").exists()
        assert not (project / "devspace.yaml").exists()
        return
    assert check_manifests(project / "infrastructure" / "kubernetes") == []
    assert check_devspace(project / "devspace.yaml") == []
