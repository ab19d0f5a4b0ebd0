"""A Python with the machine-learning stack, for tests that really train.

`MX_TEST_ML_PYTHON` names one; otherwise it is made once with uv (PyTorch brings gigabytes on Linux, which uv's hard
links make nearly free the second time) and kept in the user's cache folder.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock
from platformdirs import user_cache_path

from mxdev import testing
from mxdev.environment import packages

REQUIREMENTS = (
    "fsspec>=2025.3",
    "gcsfs>=2025.3",
    "pillow>=11,<14",
    "pyarrow>=18",
    "zarr>=3.0.8,<4",
    "torch>=2.7,<3",
    "mlflow>=3.12,<4",
    "scikit-learn>=1.6,<2",
    "hydra-core>=1.3.2,<2",
    "matplotlib>=3.10,<4",
    "numpy>=2.1,<3",
    "optuna>=4.5,<6",
    "pytest>=8.4,<10",
    "hatchling>=1.27,<2",
    "sphinx>=8.2,<10",
    "furo>=2025.7",
    "myst-parser>=4,<6",
    "mypy>=1.18,<3",
)


def uv() -> str:
    """The uv beside the tests' interpreter or on PATH."""
    found = packages.uv()
    if found is None:
        pytest.skip("uv is not installed: `pip install uv`, or name an interpreter in MX_TEST_ML_PYTHON")
    return found


def interpreter() -> Path:
    """The interpreter; makes its environment when there is none. A half-made one is made anew."""
    named = os.environ.get("MX_TEST_ML_PYTHON")
    return Path(named) if named else made("ml", REQUIREMENTS)


def made(name: str, requirements: Sequence[str]) -> Path:
    """The interpreter of an environment with these packages, which is made once and kept in the user's cache folder."""
    return testing.interpreter(name, *requirements)


def check_types(python: Path, project: Path) -> None:
    """Let mypy of that environment look at a project, as its `pyproject.toml` says.

    What mypy knows of PyTorch and MLflow is kept in the user's cache folder, one for each environment: it takes most of a run
    to find out. One at a time looks there, as all their projects have modules of the same names.
    """
    kept = user_cache_path("mx-devtool-tests") / f"mypy-{python.parent.parent.name}"
    with FileLock(f"{kept}.lock"):
        done = subprocess.run(
            [python, "-m", "mypy", "--cache-dir", kept],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def ml_python() -> Path:
    """A Python interpreter with torch, mlflow, scikit-learn, hydra-core, matplotlib and pytest."""
    return interpreter()
