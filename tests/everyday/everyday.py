"""Projects for the tests of what is added one by one, and the project's own interpreter."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from mxdev.testing import mx

LONGEST = "a_name_of_thirty_characters_is"
TEMPLATES = Path(__file__).parents[2] / "generators/mxdev_generators"


def start(folder: Path, name: str, *options: str) -> Path:
    """A project without anything added."""
    done = mx(
        "generate", "MLProjectSkeleton", name, *options, "--no-input", "--skip-git",
        cwd=folder, env={"MX_OPT_MX_SOURCE": "index"},
    )  # fmt: skip
    assert done.code == 0, done.stderr
    return folder / name


def add(project: Path, generator: str, name: str, *options: str) -> None:
    """What `mx generate` adds."""
    done = mx("generate", generator, name, *options, "--no-input", cwd=project)
    assert done.code == 0, done.stderr


def python(interpreter: Path, project: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What the interpreter makes of these arguments in the project, with a tracking store of the project's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return subprocess.run(
        [interpreter, *arguments], cwd=project, env={**kept, "PYTHONPATH": str(project / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
