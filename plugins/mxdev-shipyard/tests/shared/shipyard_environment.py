"""What the tests share: a rendered project, and a Python with what such a project requires, made once and kept."""

from __future__ import annotations

import functools
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from mxdev.testing import cache_folder, mx, once

import mxdev_shipyard

NAME = "deploy-iris-model"
TEMPLATES = Path(mxdev_shipyard.__file__).parent / "model_project/templates"


def project(folder: Path, *options: str) -> Path:
    """A rendered project in `folder`."""
    made = mx("generate", "ModelProject", NAME, "--no-input", "--skip-git", *options, cwd=folder)
    assert made.code == 0, made.stderr
    return folder / NAME


@functools.cache
def python() -> Path:
    """An interpreter with the pinned packages of a model project, by their hashes; in the user's cache folder."""
    files = [TEMPLATES / "requirements.txt", TEMPLATES / "requirements-dev.txt"]
    text = b"".join(file.read_bytes() for file in files)
    key = hashlib.sha256(sys.version.encode() + text).hexdigest()[:16]
    folder = cache_folder() / f"shipyard-{key}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = folder / "bin/python"
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    with FileLock(f"{folder}.lock"):
        if not (folder / "complete").exists():
            if uv is None:
                pytest.skip("uv is not installed: `pip install uv`")
            subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, folder], check=True)
            wanted = [word for file in files for word in ("-r", str(file))]
            subprocess.run(
                [uv, "pip", "install", "-q", "--require-hashes", "--python", made, *wanted], check=True
            )
            (folder / "complete").touch()
    return made


def own_tests(folder: Path, *arguments: str, code: int = 0) -> str:
    """What the project's own tests print when they end with `code`; they run once for the same files and packages."""
    made = python()

    def run() -> str:
        command = [made, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    # Weights are made of the rest, and never the same bytes.
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".npz"]
    own = [(path.relative_to(folder).parts, path) for path in files]
    kept = [(parts, path.read_bytes()) for parts, path in own if not {".mx", "__pycache__"} & set(parts)]
    return once([str(made), arguments, code, kept], run)
